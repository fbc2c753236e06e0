package provider

import (
	"context"
	"fmt"
	"hash/maphash"
	"maps"
	"math/big"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/etcdv2/terraform-provider-etcd/internal/keyspace"
)

// intentional is a resource that reports what each of its objects manages.
type intentional interface {
	// intent returns what a planned object claims and releases. What is not
	// known yet is left out.
	intent(ctx context.Context, change intendedChange) keyspace.Intent
	plannedClaims() *keyspace.Claims
}

func (b *base) plannedClaims() *keyspace.Claims {
	if b.connection == nil {
		return nil
	}
	return b.connection.claims
}

// attributeSource is a plan, a state or a configuration.
type attributeSource interface {
	GetAttribute(ctx context.Context, path path.Path, target any) diag.Diagnostics
}

// intendedChange is a planned change of an object: nil where there is no
// object before or after it.
type intendedChange struct {
	before, after, config attributeSource
	private               privateReader
}

// configSeed seeds the hashes of configurations, which may contain secrets.
var configSeed = maphash.MakeSeed()

// sumConfig is a hash of a configuration. It is the same whether the framework
// or the lane for unchanged objects has planned the object.
func sumConfig(config tftypes.Value) uint64 {
	var attributes map[string]tftypes.Value
	if !config.IsKnown() || config.IsNull() || config.As(&attributes) != nil {
		return maphash.String(configSeed, config.String())
	}
	flat := make(flatObject, len(attributes))
	for name, v := range attributes {
		flat[name] = flatValue(v)
	}
	return flat.sum()
}

// flatValue returns a value as a flatObject stores it. For what it cannot store, it
// returns the description.
func flatValue(v tftypes.Value) any {
	var text string
	var number big.Float
	var truth bool
	switch {
	case v.IsKnown() && v.IsNull():
		return nil
	case !v.IsKnown():
	case v.Type().Is(tftypes.String) && v.As(&text) == nil:
		return text
	case v.Type().Is(tftypes.Bool) && v.As(&truth) == nil:
		return truth
	case v.Type().Is(tftypes.Number) && v.As(&number) == nil:
		if n, accuracy := number.Int64(); accuracy == big.Exact {
			return n
		}
	}
	return otherValue(v.String())
}

// otherValue is a value that a flatObject cannot have.
type otherValue string

// sum is sumConfig for a flat configuration.
func (o flatObject) sum() uint64 {
	var hash maphash.Hash
	hash.SetSeed(configSeed)
	for _, name := range slices.Sorted(maps.Keys(o)) {
		text, ok := o[name].(string)
		if !ok {
			text = fmt.Sprint(o[name])
		}
		_, _ = fmt.Fprintf(&hash, "%s %T %d ", name, o[name], len(text))
		_, _ = hash.WriteString(text)
	}
	return hash.Sum64()
}

// planClaims records what a planned object manages, and reports conflicts with other objects.
func planClaims(ctx context.Context, r intentional, name string, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	claims := r.plannedClaims()
	if claims == nil || resp.Diagnostics.HasError() {
		return
	}
	change := intendedChange{private: req.Private}
	by := keyspace.Claimant{Resource: name, Exists: !req.State.Raw.IsNull()}
	if by.Exists {
		change.before = req.State
	}
	if !resp.Plan.Raw.IsNull() {
		change.after, change.config = resp.Plan, req.Config
		by.Sum = sumConfig(req.Config.Raw)
		by.Idle = by.Exists && resp.Plan.Raw.Equal(req.State.Raw)
	}
	rivals := claims.Plan(by, intentOf(ctx, r, by, change))
	noteLoss(ctx, rivals, by, resp)
	for _, other := range rivals {
		if by.Exists && other.Rivalry == keyspace.LostToReplacement && replaceToo(ctx, name, other, req, resp) {
			continue
		}
		addRival(&resp.Diagnostics, by, other)
	}
}

// addRival reports that two objects conflict.
func addRival(diags *diag.Diagnostics, by keyspace.Claimant, other keyspace.Rival) {
	name, list := by.Resource, objectList(other)
	switch other.Rivalry {
	case keyspace.ManagedTwice:
		diags.AddWarning("Managed by two objects", fmt.Sprintf("This %s and another object of this configuration, an %s, manage the same:\n"+
			"\n%s\n\n"+
			"Each undoes the changes of the other in every plan, and destroying one of them deletes it for both. Keep one of them.", name,
			other.Resource, list))
	case keyspace.BelowExclusive:
		diags.AddWarning("Key below an exclusive prefix", fmt.Sprintf("This %s and another object of this configuration, an %s, conflict: "+
			"an exclusive prefix deletes the keys that it does not list, and these are managed elsewhere:\n\n%s\n\n"+
			"One apply deletes them, and the next one creates them again. List them only in the keys of the prefix, or set exclusive = false.", name,
			other.Resource, list))
	case keyspace.LostToOther:
		diags.AddError("Deleted here and needed there", fmt.Sprintf("This %s and another object of this configuration, an %s, manage the "+
			"same; this plan would delete it for one of them and leave the other unchanged:\n\n%s\n\n"+
			"Nothing was changed. Take the object that is to be destroyed out of state instead, by a `removed` block with `destroy = "+
			"false` or by `terraform state rm`. If it is a key that is removed from an etcd_key_prefix, take the other object out of state, and "+
			"apply it with adopt_existing = true. What only lies in a directory, or is granted to a user or role, that is to be destroyed can be "+
			"destroyed with it.",
			name, other.Resource, list))
	case keyspace.LostToReplacement, keyspace.LostUnlessAdopted:
		addLoss(diags, by, other)
	}
}

// objectList lists the objects in conflict.
func objectList(other keyspace.Rival) string {
	lines := make([]string, 0, len(other.Objects))
	for _, o := range other.Objects {
		lines = append(lines, o.String())
	}
	return enumerate(lines)
}

// textOf returns an attribute, if it is known.
func textOf(ctx context.Context, from attributeSource, name string) (string, bool) {
	if from == nil {
		return "", false
	}
	var value types.String
	diags := from.GetAttribute(ctx, path.Root(name), &value)
	return value.ValueString(), !diags.HasError() && !value.IsNull() && !value.IsUnknown()
}

// namesIn returns the known elements of a set, and whether it is set.
func namesIn(ctx context.Context, from attributeSource, name string) (names []string, ok bool) {
	var value types.Set
	if from == nil || from.GetAttribute(ctx, path.Root(name), &value).HasError() || value.IsNull() {
		return nil, false
	}
	for _, element := range value.Elements() {
		if text, isText := element.(types.String); isText && !text.IsUnknown() {
			names = append(names, text.ValueString())
		}
	}
	return names, true
}

// intentOfOne returns the intent of an object that manages one object of the store. name finds that
// object's name in a plan or a state.
func intentOfOne(change intendedChange, t keyspace.Terms, name func(from attributeSource) (keyspace.Object, bool)) keyspace.Intent {
	want := keyspace.Intent{Claims: map[keyspace.Object]keyspace.Terms{}}
	before, had := name(change.before)
	after, has := name(change.after)
	if has {
		want.Claims[after] = t
	}
	if had && before != after {
		want.Releases = []keyspace.Object{before}
	}
	return want
}

// byText names an object of the store by one attribute.
func byText(ctx context.Context, attribute string, object func(string) keyspace.Object) func(attributeSource) (keyspace.Object, bool) {
	return func(from attributeSource) (keyspace.Object, bool) {
		text, ok := textOf(ctx, from, attribute)
		return object(text), ok
	}
}

func (r *keyResource) intent(ctx context.Context, change intendedChange) keyspace.Intent {
	return intentOfOne(change, keyspace.Sole, byText(ctx, "key", keyspace.NodeAt))
}

func (r *inOrderKeyResource) intent(ctx context.Context, change intendedChange) keyspace.Intent {
	return intentOfOne(change, keyspace.Sole, byText(ctx, "key", keyspace.NodeAt))
}

func (r *dirResource) intent(ctx context.Context, change intendedChange) keyspace.Intent {
	want := intentOfOne(change, keyspace.SoleDir, byText(ctx, "path", keyspace.NodeAt))
	if len(want.Releases) > 0 {
		want.Tree, want.Releases = want.Releases[0], nil
	}
	return want
}

func (r *keyPrefixResource) intent(ctx context.Context, change intendedChange) keyspace.Intent {
	want := keyspace.Intent{Claims: map[keyspace.Object]keyspace.Terms{}}
	if prefix, ok := textOf(ctx, change.after, "prefix"); ok {
		for relative := range keysIn(ctx, change.after) {
			want.Claims[keyspace.NodeAt(keyspace.Below(prefix, relative))] = keyspace.Sole
		}
		var exclusive types.Bool
		change.after.GetAttribute(ctx, path.Root("exclusive"), &exclusive)
		if exclusive.ValueBool() {
			want.Exclusive = prefix
		}
	}
	prefix, _ := textOf(ctx, change.before, "prefix")
	var ignored diag.Diagnostics
	private := readPrivateState[prefixPrivateState](ctx, change.private, &ignored)
	for relative := range keysIn(ctx, change.before) {
		o := keyspace.NodeAt(keyspace.Below(prefix, relative))
		if _, stays := want.Claims[o]; !stays && !private.Keys[relative].Foreign {
			want.Releases = append(want.Releases, o)
		}
	}
	return want
}

func keysIn(ctx context.Context, from attributeSource) map[string]string {
	var keys types.Map
	if from == nil || from.GetAttribute(ctx, path.Root("keys"), &keys).HasError() {
		return nil
	}
	return texted(keys)
}

func (r *userResource) intent(ctx context.Context, change intendedChange) keyspace.Intent {
	want := intentOfOne(change, keyspace.Sole, byText(ctx, "name", userNamed))
	if len(want.Releases) > 0 {
		want.Tree = grantsWithin(want.Releases[0])
	}
	name, known := textOf(ctx, change.after, "name")
	if roles, managed := namesIn(ctx, change.config, "roles"); managed && known {
		want.Claims[allRolesOf(name)] = keyspace.Sole
		for _, role := range roles {
			want.Claims[grantOf(name, role)] = keyspace.Sole
		}
	}
	return want
}

func (r *userRoleResource) intent(ctx context.Context, change intendedChange) keyspace.Intent {
	want := intentOfOne(change, keyspace.Sole, func(from attributeSource) (keyspace.Object, bool) {
		user, hasUser := textOf(ctx, from, "user")
		role, hasRole := textOf(ctx, from, "role")
		return grantOf(user, role), hasUser && hasRole
	})
	if user, ok := textOf(ctx, change.after, "user"); ok {
		want.Claims[allRolesOf(user)] = keyspace.Shared
	}
	return want
}

func (r *roleResource) intent(ctx context.Context, change intendedChange) keyspace.Intent {
	want := intentOfOne(change, keyspace.Sole, byText(ctx, "name", roleNamed))
	if len(want.Releases) > 0 {
		want.Tree = permissionsWithin(want.Releases[0])
	}
	name, known := textOf(ctx, change.after, "name")
	for a, attribute := range map[access]string{accessRead: "kv_read", accessWrite: "kv_write"} {
		if patterns, managed := namesIn(ctx, change.config, attribute); managed && known {
			want.Claims[allPatternsOf(name, a)] = keyspace.Sole
			for _, pattern := range patterns {
				want.Claims[permissionOf(name, a, pattern)] = keyspace.Sole
			}
		}
	}
	return want
}

func (r *rolePermissionResource) intent(ctx context.Context, change intendedChange) keyspace.Intent {
	want := intentOfOne(change, keyspace.Sole, func(from attributeSource) (keyspace.Object, bool) {
		role, hasRole := textOf(ctx, from, "role")
		kind, hasKind := textOf(ctx, from, "access")
		pattern, hasPattern := textOf(ctx, from, "pattern")
		return permissionOf(role, access(kind), pattern), hasRole && hasKind && hasPattern
	})
	role, hasRole := textOf(ctx, change.after, "role")
	if kind, ok := textOf(ctx, change.after, "access"); ok && hasRole {
		want.Claims[allPatternsOf(role, access(kind))] = keyspace.Shared
	}
	return want
}

func (r *authResource) intent(_ context.Context, change intendedChange) keyspace.Intent {
	return intentOfOne(change, keyspace.Sole, func(from attributeSource) (keyspace.Object, bool) { return authSwitch(), from != nil })
}

func (r *memberResource) intent(ctx context.Context, change intendedChange) keyspace.Intent {
	return intentOfOne(change, keyspace.Sole, byText(ctx, "id", memberWith))
}
