package tfserver

import (
	"bytes"
	"context"

	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/vmihailenco/msgpack/v5/msgpcode"
)

// The unchanged lane answers the calls about an object in which nothing has
// changed, the common case of a plan, without the framework: what came goes
// back. It answers only what the framework would answer, byte for byte. Every
// doubt, and every object in which something has changed, is left to the
// framework.

// ProviderWithUnchanged is a provider of which some resources can report that
// nothing changes. Objects are given as maps from the names of attributes to
// string, int64, bool, or nil for null.
type ProviderWithUnchanged interface {
	// UnchangedTypes are the types of these resources. The lane takes those of
	// which every attribute is a text, a number or a boolean.
	UnchangedTypes() []string
	// IsValid reports that a configuration is valid, with nothing to say. It is
	// called if the schema alone does not rule the configuration out.
	IsValid(typeName string, config map[string]any) bool
	// ReadUnchanged reports whether a refresh would leave the state, the private
	// state and the identity of an object exactly as they are, with nothing to
	// say. Otherwise the framework is called with the context that it returns.
	ReadUnchanged(ctx context.Context, typeName string, state map[string]any, private map[string][]byte) (context.Context, bool)
	// PlanUnchanged reports whether a plan would propose exactly the state, with
	// the same private state and nothing to say. It is called only if a CLI
	// proposes the state.
	PlanUnchanged(ctx context.Context, typeName string, config, state map[string]any, private map[string][]byte) bool
}

// Lane answers for the resources of a provider that can report that nothing changes.
type Lane struct {
	provider ProviderWithUnchanged
	types    map[string]laneType
	privates privates
}

// laneType is what the lane knows of one type of resource.
type laneType struct {
	version         int64
	state, identity *flatType
}

// NewLane returns a lane for a provider, given the schemas of its resources. It
// takes no object if the provider is not a [ProviderWithUnchanged].
func NewLane(p provider.Provider, schemas map[string]*tfprotov6.Schema, identities map[string]*tfprotov6.ResourceIdentitySchema) *Lane {
	l := &Lane{types: map[string]laneType{}}
	var ok bool
	if l.provider, ok = p.(ProviderWithUnchanged); !ok {
		return l
	}
	for _, name := range l.provider.UnchangedTypes() {
		schema, identity := schemas[name], identities[name]
		if schema == nil || identity == nil {
			continue
		}
		t := laneType{schema.Version, newFlatType(schema.ValueType()), newFlatType(identity.ValueType())}
		if t.state == nil || t.identity == nil {
			continue
		}
		for _, attribute := range schema.Block.Attributes {
			switch {
			case attribute.WriteOnly:
				t.state.writeOnly = append(t.state.writeOnly, attribute.Name)
			case attribute.Required:
				t.state.required = append(t.state.required, attribute.Name)
			case !attribute.Optional:
				t.state.readOnly = append(t.state.readOnly, attribute.Name)
			}
		}
		l.types[name] = t
	}
	return l
}

// Validate answers ValidateResourceConfig for a valid configuration that an
// object can stay unchanged with. It returns nil for any other.
func (l *Lane) Validate(req *tfprotov6.ValidateResourceConfigRequest) *tfprotov6.ValidateResourceConfigResponse {
	t, ok := l.types[req.TypeName]
	if !ok {
		return nil
	}
	config := t.state.decode(req.Config)
	if config == nil || !t.state.isConfig(config) || !l.provider.IsValid(req.TypeName, config) {
		return nil
	}
	return &tfprotov6.ValidateResourceConfigResponse{}
}

// Upgrade answers UpgradeResourceState for a state of the current version, which
// is put from JSON into the form of the protocol. It returns nil for any other.
func (l *Lane) Upgrade(req *tfprotov6.UpgradeResourceStateRequest) *tfprotov6.UpgradeResourceStateResponse {
	t, ok := l.types[req.TypeName]
	if !ok || req.Version != t.version || req.RawState == nil || req.RawState.Flatmap != nil {
		return nil
	}
	object := t.state.decodeJSON(req.RawState.JSON)
	if object == nil {
		return nil
	}
	state, err := t.state.encode(object)
	if err != nil {
		return nil
	}
	return &tfprotov6.UpgradeResourceStateResponse{UpgradedState: state}
}

// Read answers ReadResource for an object that a refresh leaves as it is.
// Otherwise it returns nil, and the context for the framework's call.
func (l *Lane) Read(ctx context.Context, req *tfprotov6.ReadResourceRequest) (context.Context, *tfprotov6.ReadResourceResponse) {
	t, ok := l.types[req.TypeName]
	if !ok {
		return ctx, nil
	}
	state, private, ok := l.object(t, req.CurrentState, req.Private)
	identity := t.refreshedIdentity(req.CurrentIdentity, state)
	if !ok || identity == nil {
		return ctx, nil
	}
	ctx, unchanged := l.provider.ReadUnchanged(ctx, req.TypeName, state, private)
	if !unchanged {
		return ctx, nil
	}
	return ctx, &tfprotov6.ReadResourceResponse{NewState: req.CurrentState, Private: orNil(req.Private), NewIdentity: identity}
}

// Plan answers PlanResourceChange for an object that stays as it is, nil for
// any other.
func (l *Lane) Plan(ctx context.Context, req *tfprotov6.PlanResourceChangeRequest) *tfprotov6.PlanResourceChangeResponse {
	t, ok := l.types[req.TypeName]
	if !ok || req.PriorState == nil || req.ProposedNewState == nil || !bytes.Equal(req.PriorState.MsgPack, req.ProposedNewState.MsgPack) {
		return nil
	}
	state, private, ok := l.object(t, req.PriorState, req.PriorPrivate)
	identity := t.plannedIdentity(req.PriorIdentity)
	if !ok || identity == nil || len(req.ProposedNewState.JSON) > 0 {
		return nil
	}
	config := t.state.decode(req.Config)
	if config == nil || !l.provider.PlanUnchanged(ctx, req.TypeName, config, state, private) {
		return nil
	}
	return &tfprotov6.PlanResourceChangeResponse{
		PlannedState: req.ProposedNewState, PlannedPrivate: orNil(req.PriorPrivate), PlannedIdentity: identity,
	}
}

// object decodes what a CLI has of an object that is in state.
func (l *Lane) object(
	t laneType, state *tfprotov6.DynamicValue, private []byte,
) (object map[string]any, values map[string][]byte, ok bool) {
	if object = t.state.decode(state); object == nil || !t.state.isState(object) {
		return nil, nil, false
	}
	values, ok = l.privates.decode(private)
	return object, values, ok
}

// refreshedIdentity returns the identity after a refresh that leaves the state as
// it is: it has what the state has in the attributes by the same names. A CLI
// that knows no identities gives none. It returns nil for one that would change.
func (t laneType) refreshedIdentity(identity *tfprotov6.ResourceIdentityData, state map[string]any) *tfprotov6.ResourceIdentityData {
	var had map[string]any
	if identity != nil {
		if had = t.identity.decode(identity.IdentityData); had == nil {
			return nil
		}
	}
	for _, name := range t.identity.names {
		if state[name] == nil || had != nil && had[name] != state[name] {
			return nil
		}
	}
	if identity != nil {
		return identity
	}
	data, err := t.identity.encode(state)
	if err != nil {
		return nil
	}
	return &tfprotov6.ResourceIdentityData{IdentityData: data}
}

// plannedIdentity returns the identity of a plan for an object that had this
// one, which is null for none. It returns nil for one that is not flat.
func (t laneType) plannedIdentity(identity *tfprotov6.ResourceIdentityData) *tfprotov6.ResourceIdentityData {
	switch {
	case identity == nil:
		return &tfprotov6.ResourceIdentityData{IdentityData: &tfprotov6.DynamicValue{MsgPack: []byte{msgpcode.Nil}}}
	case t.identity.decode(identity.IdentityData) == nil:
		return nil
	default:
		return identity
	}
}

// orNil returns nil for empty private state, as the framework does.
func orNil(private []byte) []byte {
	if len(private) == 0 {
		return nil
	}
	return private
}
