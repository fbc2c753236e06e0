package examples_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/etcdv2/terraform-provider-etcd/internal/cli"
	"github.com/etcdv2/terraform-provider-etcd/internal/cli/clitest"
	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
)

// leaving is a walk through the guide on leaving v2. Each step has a workspace of its own.
type leaving struct {
	lab    *clitest.Lab
	server *etcdtest.Server
}

func (l *leaving) open(t *testing.T, step string) *run {
	t.Helper()

	r := &run{lab: l.lab, source: "guides/leaving-v2/" + step, server: l.server, replace: strings.NewReplacer()}
	r = r.workspace(t)
	if step == "empty" {
		clusterID(t, r)
	}
	r.Must(t, 0, "init")
	return r
}

// clusterID sets the id of the cluster that the example empties.
func clusterID(t *testing.T, r *run) {
	t.Helper()

	id := r.server.Do(t, etcdtest.Call{Path: "/v2/keys/"}).Header.Get("X-Etcd-Cluster-Id")
	r.Write(t, "terraform.tfvars", fmt.Sprintf("old_cluster_id = %q\n", id))
}

// seedLeaving writes the initial content of the guide's store.
func seedLeaving(t *testing.T, s *etcdtest.Server) {
	t.Helper()

	keys("/app/color", "blue", "/app/db/host", "db.example.com", "/app/locks/1", "theirs", "/service/main/leader", "pg-1")(t, s)
	s.Put(t, "/app/lease", "v", "ttl=86400")
	role("app", "/app/*")(t, s)
	users("alice")(t, s)
}

// TestAccGuide_leavingV2 follows the guide, up to a server without the v2 API. `make
// off-ramp` continues to etcd 3.6.
func TestAccGuide_leavingV2(t *testing.T) {
	t.Parallel()

	l := &leaving{lab: clitest.New(t)}
	l.lab.Requires(t, cli.Actions)
	l.server = etcdtest.Start(t)
	seedLeaving(t, l.server)
	l.takeStock(t)
	output := l.open(t, "copy").Must(t, 0, "apply", "-auto-approve", "-invoke=action.etcd_copy_to_v3.app")
	if want := "3 keys equal in v2 and v3"; !strings.Contains(clitest.Flat(output), want) {
		t.Errorf("the output of the copy does not contain %q:\n%s", want, output)
	}
	l.countReaders(t)
	l.open(t, "empty").Must(t, 0, "apply", "-auto-approve", "-invoke=action.etcd_empty.all")
	if os.Getenv("OFF_RAMP") == "" {
		l.server.RestartWithoutV2(t)
	} else {
		l.server.LeaveV2(t)
	}
	want := map[string]string{"/app/color": "blue", "/app/db/host": "db.example.com", "/app/lease": "v"}
	if diff := cmp.Diff(want, servedByV3(t, l.server)); diff != "" {
		t.Errorf("keys in v3 (-want +got):\n%s", diff)
	}
}

// takeStock reads the inventory, and generates code for the store.
func (l *leaving) takeStock(t *testing.T) {
	t.Helper()

	r := l.open(t, "stock")
	r.Must(t, 0, "apply", "-auto-approve")
	var toDo, roles []string
	r.output(t, "to_do", &toDo)
	r.output(t, "roles_for_v3", &roles)
	if len(toDo) == 0 {
		t.Error("the inventory lists nothing to do")
	}
	if diff := cmp.Diff([]string{"etcdctl role add app", "etcdctl role grant-permission app write '/app/' '/app0'"}, roles); diff != "" {
		t.Errorf("roles for v3 (-want +got):\n%s", diff)
	}
	r.Must(t, 0, "query", "-generate-config-out=generated.tf")
	if plan := r.Must(t, 0, "plan"); !regexp.MustCompile(`Plan: 2 to import, 0 to add, 0 to change, 0 to destroy`).MatchString(plan) {
		t.Errorf("plan of the generated code:\n%s", plan)
	}
}

// countReaders compares readings taken while the store is in use and while it is idle.
func (l *leaving) countReaders(t *testing.T) {
	t.Helper()

	r := l.open(t, "readers")
	type counts struct{ Reads, Writes, Watchers int }
	since := func() counts {
		t.Helper()
		r.Must(t, 0, "apply", "-auto-approve")
		var all map[string]counts
		r.output(t, "since_first_reading", &all)
		return all[l.server.URL()]
	}
	since()
	for range 3 {
		l.server.Get(t, "/app/color")
	}
	l.server.Put(t, "/app/locks/1", "theirs")
	// The server counts its own check of the auth switch as a read.
	if got := since(); got.Reads != 2*3+1 || got.Writes != 1 {
		t.Errorf("since the first reading: %+v, want 3 reads and a write, and a check of the switch for each", got)
	}
	r.Must(t, 0, "apply", "-auto-approve", "-replace=terraform_data.first")
	if got := since(); got != (counts{}) {
		t.Errorf("while nobody uses the store: %+v", got)
	}
}

// output reads an output.
func (r *run) output(t *testing.T, name string, v any) {
	t.Helper()

	if err := json.Unmarshal([]byte(r.Must(t, 0, "output", "-json", name)), v); err != nil {
		t.Fatal(err)
	}
}

// servedByV3 returns all keys of the v3 API.
func servedByV3(t *testing.T, s *etcdtest.Server) map[string]string {
	t.Helper()

	var found struct{ Kvs []struct{ Key, Value string } }
	everything := base64.StdEncoding.EncodeToString([]byte{0})
	s.Do(t, etcdtest.Call{
		Method: http.MethodPost, Path: "/v3/kv/range", JSON: map[string]string{"key": everything, "range_end": everything},
	}).Decode(t, &found)
	keys := map[string]string{}
	for _, kv := range found.Kvs {
		keys[text64(t, kv.Key)] = text64(t, kv.Value)
	}
	return keys
}

func text64(t *testing.T, encoded string) string {
	t.Helper()

	text, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
