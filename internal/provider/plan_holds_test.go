package provider

import (
	"fmt"
	"strings"
	"testing"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
)

// Between a plan and its apply, each key is written again unchanged, with a plain set that creates
// the key again. The CLI finds no inconsistency.
func TestAcc_planHoldsAfterRival(t *testing.T) {
	t.Parallel()

	l := newLab(t)
	prefix := etcdtest.Prefix(t)
	w := l.workspace(t, "1.0.0", l.server.URL(), fmt.Sprintf(`
variable "next" { default = false }
resource "etcd_key" "value" {
  key   = "%[1]s/value"
  value = var.next ? "2" : "1"
}
resource "etcd_key" "json" {
  key        = "%[1]s/json"
  value_json = var.next ? "[2]" : "[1]"
}
resource "etcd_key" "ttl" {
  key   = "%[1]s/ttl"
  value = "1"
  ttl   = var.next ? 600 : null
}
resource "etcd_in_order_key" "queued" {
  dir   = "%[1]s/queue"
  value = var.next ? "2" : "1"
}
resource "etcd_key_prefix" "tree" {
  prefix = "%[1]s/tree"
  keys   = { a = var.next ? "2" : "1" }
}
output "queued" { value = etcd_in_order_key.queued.key }
`, prefix))
	mustRun(t, w, 0, "apply", "-auto-approve")
	queued := strings.Trim(strings.TrimSpace(mustRun(t, w, 0, "output", "queued")), `"`)
	mustRun(t, w, 0, "plan", "-var=next=true", "-out=p")
	for key, value := range map[string]string{
		prefix + "/value": "1", prefix + "/json": "[1]", prefix + "/ttl": "1", prefix + "/tree/a": "1", queued: "1",
	} {
		l.server.Put(t, key, value)
	}
	mustRun(t, w, 0, "apply", "p")
	for key, value := range map[string]string{
		prefix + "/value": "2", prefix + "/json": "[2]", prefix + "/ttl": "1", prefix + "/tree/a": "2", queued: "2",
	} {
		if got := l.server.Get(t, key).Node.Value; got != value {
			t.Errorf("%s = %q, want %q", key, got, value)
		}
	}
	mustRun(t, w, 0, "plan", "-detailed-exitcode", "-var=next=true")
}

// A value is known only at apply, and the TTL is the rest of a longer one that an import found. The
// plan stays valid whether or not the value turns out to be the same.
func TestAcc_planHoldsForUnknownValues(t *testing.T) {
	t.Parallel()

	l := newLab(t)
	prefix := etcdtest.Prefix(t)
	for _, key := range []string{"/k", "/tree/a"} {
		l.server.Put(t, prefix+key, "1", "ttl=250")
	}
	w := l.workspace(t, "1.5.0", l.server.URL(), fmt.Sprintf(`
variable "round" { default = 0 }
variable "value" { default = "1" }
resource "terraform_data" "later" {
  input            = var.value
  triggers_replace = var.round
}
locals {
  later = var.round == 0 ? var.value : terraform_data.later.output
}
resource "etcd_key" "k" {
  key   = "%[1]s/k"
  value = local.later
  ttl   = 300
}
resource "etcd_key_prefix" "tree" {
  prefix = "%[1]s/tree"
  keys   = { a = local.later }
  ttl    = 300
}
import {
  to = etcd_key.k
  id = "%[1]s/k"
}
import {
  to = etcd_key_prefix.tree
  id = "%[1]s/tree"
}
`, prefix))
	mustRun(t, w, 0, "apply", "-auto-approve")
	for round, value := range []string{"1", "2", "2", "3"} {
		args := []string{"-var=value=" + value, fmt.Sprintf("-var=round=%d", round+1)}
		mustRun(t, w, 0, append([]string{"apply", "-auto-approve"}, args...)...)
		for _, key := range []string{"/k", "/tree/a"} {
			if node := l.server.Get(t, prefix+key).Node; node.Value != value || differs(node.TTL, 300) {
				t.Errorf("round %d: %s = %q with a TTL of %d, want %q with about 300", round, key, node.Value, node.TTL, value)
			}
		}
		mustRun(t, w, 0, append([]string{"plan", "-detailed-exitcode"}, args...)...)
	}
}
