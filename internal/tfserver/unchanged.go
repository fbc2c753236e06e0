package tfserver

import (
	"bytes"
	"context"

	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/vmihailenco/msgpack/v5/msgpcode"
)

// The unchanged lane answers the calls about an unchanged object, the common case of a plan,
// without the framework: it sends back what it received. It answers only what the
// framework would answer, byte for byte. In case of doubt, and for every object with a
// change, it leaves the call to the framework.

// ProviderWithUnchanged is a provider with resources that can report that nothing changes.
// Objects are passed as maps from attribute names to string, int64, bool, or nil for null.
type ProviderWithUnchanged interface {
	// UnchangedTypes are the types of these resources. The lane uses only those whose
	// attributes are all strings, numbers or booleans.
	UnchangedTypes() []string
	// IsValid reports whether a configuration is valid, without any diagnostic. It is called
	// if the schema alone does not rule the configuration out.
	IsValid(typeName string, config map[string]any) bool
	// ReadUnchanged reports whether a refresh would leave the state, the private state and
	// the identity of an object exactly as they are, without any diagnostic. If not, the
	// framework is called with the context that it returns.
	ReadUnchanged(ctx context.Context, typeName string, state map[string]any, private map[string][]byte) (context.Context, bool)
	// PlanUnchanged reports whether a plan would propose exactly the state, with the same
	// private state and without any diagnostic. It is called only if the CLI proposes the
	// state.
	PlanUnchanged(ctx context.Context, typeName string, config, state map[string]any, private map[string][]byte) bool
}

// Lane answers calls for those resources of a provider that can report that nothing changes.
type Lane struct {
	provider ProviderWithUnchanged
	types    map[string]laneType
	privates privates
}

// laneType is what the lane knows about one type of resource.
type laneType struct {
	version         int64
	state, identity *flatType
}

// NewLane returns a lane for a provider, given the schemas of its resources. It answers no
// calls if the provider is not a [ProviderWithUnchanged].
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

// Validate answers ValidateResourceConfig for a valid configuration with which an object can
// stay unchanged. It returns nil for any other.
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

// Upgrade answers UpgradeResourceState for a state of the current version, which it converts
// from JSON to the encoding of the protocol. It returns nil for any other.
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

// Read answers ReadResource for an object that a refresh leaves unchanged. Otherwise it
// returns nil, and the context for the framework's call.
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

// Plan answers PlanResourceChange for an object that stays unchanged. It returns nil for any
// other.
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

// object decodes what a CLI sends about an object in state.
func (l *Lane) object(
	t laneType, state *tfprotov6.DynamicValue, private []byte,
) (object map[string]any, values map[string][]byte, ok bool) {
	if object = t.state.decode(state); object == nil || !t.state.isState(object) {
		return nil, nil, false
	}
	values, ok = l.privates.decode(private)
	return object, values, ok
}

// refreshedIdentity returns the identity after a refresh that leaves the state unchanged: its
// attributes have the values of the state's attributes with the same names. A CLI that does
// not know identities sends none. It returns nil for an identity that would change.
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

// plannedIdentity returns the identity of a plan for an object with this identity, which is
// null for none. It returns nil for one that is not flat.
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
