package tfserver

import (
	"context"
	"testing"
	"time"

	frameworkprovider "github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/etcdv2/terraform-provider-etcd/internal/provider"
)

// stuckProvider has a lane in which a read lasts until its context ends.
type stuckProvider struct {
	frameworkprovider.Provider
	started chan struct{}
	ended   chan struct{}
}

func (p *stuckProvider) UnchangedTypes() []string { return []string{"etcd_user_role"} }

func (p *stuckProvider) IsValid(string, map[string]any) bool { return false }

func (p *stuckProvider) ReadUnchanged(ctx context.Context, _ string, _ map[string]any, _ map[string][]byte) (context.Context, bool) {
	close(p.started)
	<-ctx.Done()
	p.ended <- struct{}{}
	return ctx, false
}

func (p *stuckProvider) PlanUnchanged(context.Context, string, map[string]any, map[string]any, map[string][]byte) bool {
	return false
}

// objectOf encodes an object whose attributes are strings; those in null are null.
func objectOf(t *testing.T, texts map[string]string, null ...string) *tfprotov6.DynamicValue {
	t.Helper()
	types, values := map[string]tftypes.Type{}, map[string]tftypes.Value{}
	for name, text := range texts {
		types[name], values[name] = tftypes.String, tftypes.NewValue(tftypes.String, text)
	}
	for _, name := range null {
		types[name], values[name] = tftypes.Bool, tftypes.NewValue(tftypes.Bool, nil)
	}
	object := tftypes.Object{AttributeTypes: types}
	v, err := tfprotov6.NewDynamicValue(object, tftypes.NewValue(object, values))
	if err != nil {
		t.Fatal(err)
	}
	return &v
}

// The framework does not know about a read in the lane, and cannot end it.
func TestServer_stopEndsReadsInTheLane(t *testing.T) {
	t.Parallel()

	p := &stuckProvider{provider.New("test", false), make(chan struct{}), make(chan struct{}, 1)}
	s := New(p)
	grant := map[string]string{"user": "alice", "role": "ops"}
	req := &tfprotov6.ReadResourceRequest{
		TypeName: "etcd_user_role", CurrentState: objectOf(t, grant, "adopt_existing"),
		CurrentIdentity: &tfprotov6.ResourceIdentityData{IdentityData: objectOf(t, grant)},
	}
	go func() { _, _ = s.ReadResource(t.Context(), req) }()
	<-p.started
	if _, err := s.StopProvider(t.Context(), &tfprotov6.StopProviderRequest{}); err != nil {
		t.Fatal(err)
	}
	select {
	case <-p.ended:
	case <-time.After(10 * time.Second):
		t.Error("the read continues after the provider was stopped")
	}
}
