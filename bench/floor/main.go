// Floor is a provider with the schema of etcd_key that does as little as possible: a call
// returns what it was given, and a create fills in unknown values. The cost of a run with
// it is the cost of the CLI and gRPC for this schema.
package main

import (
	"context"
	"fmt"
	"os"

	etcd "github.com/etcdv2/terraform-provider-etcd/internal/provider"
	"github.com/etcdv2/terraform-provider-etcd/internal/tfserver"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6/tf6server"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// typeName is the resource type whose schema is served.
const typeName = "etcd_key"

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "floor:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	if err := tfserver.QuietLogs(os.LookupEnv, os.Setenv); err != nil {
		return err
	}
	s, err := newServer(ctx)
	if err != nil {
		return err
	}
	return tf6server.Serve(etcd.Address, func() tfprotov6.ProviderServer { return s })
}

// oneResource is the provider reduced to one resource.
type oneResource struct{ provider.Provider }

// Resources returns the resource.
func (p oneResource) Resources(ctx context.Context) []func() resource.Resource {
	for _, create := range p.Provider.Resources(ctx) {
		var resp resource.MetadataResponse
		create().Metadata(ctx, resource.MetadataRequest{ProviderTypeName: "etcd"}, &resp)
		if resp.TypeName == typeName {
			return []func() resource.Resource{create}
		}
	}
	return nil
}

// DataSources returns nil.
func (oneResource) DataSources(context.Context) []func() datasource.DataSource { return nil }

// server serves the schema and does nothing. Calls that it does not implement are not
// made in a run without changes, or are made only once.
type server struct {
	tfprotov6.ProviderServer

	object   tftypes.Object
	identity tftypes.Object
	computed map[string]bool
}

func newServer(ctx context.Context) (*server, error) {
	s := &server{computed: map[string]bool{}, ProviderServer: providerserver.NewProtocol6(oneResource{etcd.New("floor", false)})()}
	schemas, err := s.GetProviderSchema(ctx, &tfprotov6.GetProviderSchemaRequest{})
	if err != nil {
		return nil, err
	}
	identities, err := s.GetResourceIdentitySchemas(ctx, &tfprotov6.GetResourceIdentitySchemasRequest{})
	if err != nil {
		return nil, err
	}
	schema, identity := schemas.ResourceSchemas[typeName], identities.IdentitySchemas[typeName]
	if schema == nil || identity == nil {
		return nil, fmt.Errorf("%s has no schema or no identity", typeName)
	}
	var ok bool
	if s.object, ok = schema.ValueType().(tftypes.Object); !ok {
		return nil, fmt.Errorf("the schema of %s is not an object", typeName)
	}
	if s.identity, ok = identity.ValueType().(tftypes.Object); !ok {
		return nil, fmt.Errorf("the identity of %s is not an object", typeName)
	}
	for _, attribute := range schema.Block.Attributes {
		if attribute.Computed {
			s.computed[attribute.Name] = true
		}
	}
	return s, nil
}

// ValidateProviderConfig accepts every configuration.
func (s *server) ValidateProviderConfig(
	_ context.Context, req *tfprotov6.ValidateProviderConfigRequest,
) (*tfprotov6.ValidateProviderConfigResponse, error) {
	return &tfprotov6.ValidateProviderConfigResponse{PreparedConfig: req.Config}, nil
}

// ConfigureProvider ignores the configuration.
func (s *server) ConfigureProvider(
	context.Context, *tfprotov6.ConfigureProviderRequest,
) (*tfprotov6.ConfigureProviderResponse, error) {
	return &tfprotov6.ConfigureProviderResponse{}, nil
}

// ValidateResourceConfig accepts every configuration.
func (s *server) ValidateResourceConfig(
	context.Context, *tfprotov6.ValidateResourceConfigRequest,
) (*tfprotov6.ValidateResourceConfigResponse, error) {
	return &tfprotov6.ValidateResourceConfigResponse{}, nil
}

// UpgradeResourceState returns the state, which is in the encoding of the state file.
func (s *server) UpgradeResourceState(
	_ context.Context, req *tfprotov6.UpgradeResourceStateRequest,
) (*tfprotov6.UpgradeResourceStateResponse, error) {
	return &tfprotov6.UpgradeResourceStateResponse{UpgradedState: &tfprotov6.DynamicValue{JSON: req.RawState.JSON}}, nil
}

// UpgradeResourceIdentity returns the identity, which is in the encoding of the state file.
func (s *server) UpgradeResourceIdentity(
	_ context.Context, req *tfprotov6.UpgradeResourceIdentityRequest,
) (*tfprotov6.UpgradeResourceIdentityResponse, error) {
	identity := &tfprotov6.ResourceIdentityData{IdentityData: &tfprotov6.DynamicValue{JSON: req.RawIdentity.JSON}}
	return &tfprotov6.UpgradeResourceIdentityResponse{UpgradedIdentity: identity}, nil
}

// ReadResource reports no change.
func (s *server) ReadResource(_ context.Context, req *tfprotov6.ReadResourceRequest) (*tfprotov6.ReadResourceResponse, error) {
	return &tfprotov6.ReadResourceResponse{NewState: req.CurrentState, Private: req.Private, NewIdentity: req.CurrentIdentity}, nil
}

// PlanResourceChange plans the proposed state. For a create, computed attributes are
// unknown.
func (s *server) PlanResourceChange(
	_ context.Context, req *tfprotov6.PlanResourceChangeRequest,
) (*tfprotov6.PlanResourceChangeResponse, error) {
	resp := &tfprotov6.PlanResourceChangeResponse{
		PlannedState: req.ProposedNewState, PlannedPrivate: req.PriorPrivate, PlannedIdentity: req.PriorIdentity,
	}
	if isNull, err := req.PriorState.IsNull(); err != nil || !isNull {
		return resp, err
	}
	planned, err := s.change(req.ProposedNewState, func(name string, v tftypes.Value) tftypes.Value {
		if v.IsNull() && s.computed[name] {
			return tftypes.NewValue(s.object.AttributeTypes[name], tftypes.UnknownValue)
		}
		return v
	})
	resp.PlannedState = planned
	return resp, err
}

// privateState is the private state that the provider stores for an ordinary key.
const privateState = `{"key_prefix":"IiI="}`

// ApplyResourceChange returns the planned state. For a create, it fills in unknown values.
func (s *server) ApplyResourceChange(
	_ context.Context, req *tfprotov6.ApplyResourceChangeRequest,
) (*tfprotov6.ApplyResourceChangeResponse, error) {
	resp := &tfprotov6.ApplyResourceChangeResponse{
		NewState: req.PlannedState, Private: req.PlannedPrivate, NewIdentity: req.PlannedIdentity,
	}
	if isNull, err := req.PriorState.IsNull(); err != nil || !isNull {
		return resp, err
	}
	resp.Private = []byte(privateState)
	identity := map[string]tftypes.Value{}
	state, err := s.change(req.PlannedState, func(name string, v tftypes.Value) tftypes.Value {
		if !v.IsKnown() {
			v = known(s.object.AttributeTypes[name])
		}
		if _, ok := s.identity.AttributeTypes[name]; ok {
			identity[name] = v
		}
		return v
	})
	if err != nil {
		return nil, err
	}
	data, err := tfprotov6.NewDynamicValue(s.identity, tftypes.NewValue(s.identity, identity))
	resp.NewState, resp.NewIdentity = state, &tfprotov6.ResourceIdentityData{IdentityData: &data}
	return resp, err
}

// change replaces attributes of an object.
func (s *server) change(
	object *tfprotov6.DynamicValue, attribute func(name string, v tftypes.Value) tftypes.Value,
) (*tfprotov6.DynamicValue, error) {
	value, err := object.Unmarshal(s.object)
	if err != nil {
		return nil, err
	}
	var attributes map[string]tftypes.Value
	if err := value.As(&attributes); err != nil {
		return nil, err
	}
	for name, v := range attributes {
		attributes[name] = attribute(name, v)
	}
	data, err := tfprotov6.NewDynamicValue(s.object, tftypes.NewValue(s.object, attributes))
	return &data, err
}

// known returns some value of a type.
func known(t tftypes.Type) tftypes.Value {
	switch {
	case t.Is(tftypes.Number):
		return tftypes.NewValue(t, 7)
	default:
		return tftypes.NewValue(t, nil)
	}
}
