package provider

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

// An interrupt is named as such: the cluster may be well.
func TestWordFailure_interrupted(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		kind          error
		summary, also string
	}{
		"before the write": {etcdv2.ErrUnavailable, "Unable to delete key", ""},
		"during the write": {etcdv2.ErrOutcomeUnknown, "Outcome of a write is unknown", "Look at the object on the server"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			summary, detail := wordFailure("Unable to delete key", "/k", fmt.Errorf("%w: %w", test.kind, context.Canceled))
			if summary != test.summary || !strings.Contains(detail, "The run was interrupted") || !strings.Contains(detail, test.also) ||
				strings.Contains(detail, "endpoints") {
				t.Errorf("wordFailure() = %q, %q", summary, detail)
			}
		})
	}
}
