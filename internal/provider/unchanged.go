package provider

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/etcdv2/terraform-provider-etcd/internal/keyspace"
)

// An object in which nothing changes, the common case of a plan, is handled by a lane of the server
// that bypasses the framework. The same code that plans and refreshes other objects decides
// whether anything changes.

// unchanging is a resource that can report that nothing about an object changes.
type unchanging interface {
	resource.Resource
	// readUnchanged reads an object, and reports whether a refresh leaves it as it
	// is, with nothing to say. What was read goes with the context: see keepRead.
	readUnchanged(ctx context.Context, state flatObject, private flatPrivate) (context.Context, bool)
	// planUnchanged reports whether a plan leaves an object as it is, with
	// nothing to say, given that the configuration alone changes nothing.
	planUnchanged(config, state flatObject, private flatPrivate) bool
}

// validating is an unchanging resource that can report that a configuration is
// valid.
type validating interface {
	// isValid reports that a configuration is valid, with nothing to say. It may
	// leave out what is rare.
	isValid(config flatObject) bool
}

// unchangingResources are the resources that have a lane, by type.
func unchangingResources() map[string]func() unchanging {
	return map[string]func() unchanging{
		"etcd_dir":             func() unchanging { return &dirResource{} },
		"etcd_key":             func() unchanging { return &keyResource{} },
		"etcd_role_permission": func() unchanging { return &rolePermissionResource{} },
		"etcd_user_role":       func() unchanging { return &userRoleResource{} },
	}
}

// configureUnchanging prepares the resources that have a lane. A CLI configures
// a provider once.
func (p *etcdProvider) configureUnchanging(ctx context.Context, c *connection) {
	configured := map[string]unchanging{}
	for name, construct := range unchangingResources() {
		r := construct()
		var resp resource.ConfigureResponse
		if with, ok := r.(resource.ResourceWithConfigure); ok {
			with.Configure(ctx, resource.ConfigureRequest{ProviderData: c}, &resp)
		}
		if !resp.Diagnostics.HasError() {
			configured[name] = r
		}
	}
	p.unchanging.Store(&configured)
}

// UnchangedTypes returns the types of the resources that have a lane.
func (p *etcdProvider) UnchangedTypes() []string {
	return slices.Collect(maps.Keys(unchangingResources()))
}

// unchangingOf returns a configured resource, nil if there is none.
func (p *etcdProvider) unchangingOf(typeName string) unchanging {
	if configured := p.unchanging.Load(); configured != nil {
		return (*configured)[typeName]
	}
	return nil
}

// IsValid reports that a configuration is valid, with nothing to say.
func (p *etcdProvider) IsValid(typeName string, config map[string]any) bool {
	r, ok := p.unchangingOf(typeName).(validating)
	return ok && r.isValid(config)
}

// ReadUnchanged reads an object, and reports whether it is as it is in state.
// It does for the lane what identified does around Read.
func (p *etcdProvider) ReadUnchanged(
	ctx context.Context, typeName string, state map[string]any, private map[string][]byte,
) (context.Context, bool) {
	r := p.unchangingOf(typeName)
	if r == nil || !flatPrivate(private).isPlaced(r, true) {
		return ctx, false
	}
	markOursAs(r, typeName, flatObject(state).known)
	ctx, isUnchanged := r.readUnchanged(ctx, state, private)
	if isUnchanged {
		noteHolding(ctx, r, flatObject(state), flatPrivate(private))
	}
	return ctx, isUnchanged
}

// PlanUnchanged reports whether an object stays as it is. It does for the lane
// what identified does around ModifyPlan.
func (p *etcdProvider) PlanUnchanged(
	ctx context.Context, typeName string, config, state map[string]any, private map[string][]byte,
) bool {
	r := p.unchangingOf(typeName)
	if r == nil || !flatPrivate(private).isPlaced(r, false) || !r.planUnchanged(config, state, private) {
		return false
	}
	if inner, ok := r.(intentional); ok && !claimUnchanged(ctx, inner, typeName, config, state, private) {
		return false
	}
	markOursAs(r, typeName, flatObject(state).known)
	return true
}

// claimUnchanged is planClaims for an object that stays as it is and has no
// rival. It claims nothing for one that has.
func claimUnchanged(ctx context.Context, r intentional, typeName string, config, state flatObject, private flatPrivate) bool {
	claims := r.plannedClaims()
	if claims == nil {
		return true
	}
	by := keyspace.Claimant{Resource: typeName, Exists: true, Idle: true, Sum: config.sum()}
	want := intentOf(ctx, r, by, intendedChange{before: state, after: state, config: config, private: private})
	return claims.PlanAlone(by, want)
}

// flatObject is a state or a configuration that has nothing but texts, numbers
// and booleans: string, int64, bool, or nil for null, by the names of attributes.
type flatObject map[string]any

func (o flatObject) text(name string) types.String {
	if v, ok := o[name].(string); ok {
		return types.StringValue(v)
	}
	return types.StringNull()
}

func (o flatObject) number(name string) types.Int64 {
	if v, ok := o[name].(int64); ok {
		return types.Int64Value(v)
	}
	return types.Int64Null()
}

func (o flatObject) truth(name string) types.Bool {
	if v, ok := o[name].(bool); ok {
		return types.BoolValue(v)
	}
	return types.BoolNull()
}

// known returns a text, if there is one.
func (o flatObject) known(name string) (text string, ok bool) {
	text, ok = o[name].(string)
	return text, ok
}

// GetAttribute reads an attribute, as a state of the framework does.
func (o flatObject) GetAttribute(_ context.Context, at path.Path, target any) diag.Diagnostics {
	switch target := target.(type) {
	case *types.String:
		*target = o.text(at.String())
	case *types.Bool:
		*target = o.truth(at.String())
	default:
		return diag.Diagnostics{diag.NewErrorDiagnostic("Unexpected attribute", at.String())}
	}
	return nil
}

// flatPrivate is private state, by its keys.
type flatPrivate map[string][]byte

// GetKey reads private state, as the framework does.
func (p flatPrivate) GetKey(_ context.Context, key string) ([]byte, diag.Diagnostics) {
	return p[key], nil
}

// isPlaced reports whether private state has the key_prefix of the provider. An
// object that has none noted yet passes unless it must.
func (p flatPrivate) isPlaced(r any, must bool) bool {
	prefix, known := prefixOf(r)
	if _, ok := r.(placed); !ok {
		return true
	}
	data, noted := p[placeKey]
	if !known || !noted {
		return known && !must
	}
	want, err := json.Marshal(prefix)
	return err == nil && bytes.Equal(data, want)
}

// flatPrivateState returns the private state of an object. It is not ok if it would
// be written in other words than it is.
func flatPrivateState[T comparable](stored flatPrivate) (private T, ok bool) {
	data, noted := stored[privateStateKey]
	if !noted {
		return private, true
	}
	if json.Unmarshal(data, &private) != nil {
		return private, false
	}
	again, err := json.Marshal(private)
	return private, err == nil && bytes.Equal(data, again) && private != *new(T)
}

// readKept is the key of what a call has read already, in its context.
type readKept[T any] struct{}

// keepRead returns a context with what was read for an object, so that the
// refresh of one that has changed does not read it again.
func keepRead[T any](ctx context.Context, found T) context.Context {
	return context.WithValue(ctx, readKept[T]{}, found)
}

// readOnce returns what was read for an object already, or else reads it.
func readOnce[T any](ctx context.Context, read func() T) T {
	if found, ok := ctx.Value(readKept[T]{}).(T); ok {
		return found
	}
	return read()
}
