package provider

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/etcdv2/terraform-provider-etcd/internal/keyspace"
)

// The deletion of a directory, a user or a role deletes what is in it. If other objects manage
// that and the plan does not create it again, the plan must show it. A CLI plans a replacement as
// a create, so what is lost then is found by what is in state.

var (
	_ holder = (*dirResource)(nil)
	_ holder = (*roleResource)(nil)
	_ holder = (*userResource)(nil)
)

// holder is a resource whose deletion deletes what other objects manage.
type holder interface {
	intentional
	// holding returns what is deleted with an object in state, zero for nothing.
	holding(ctx context.Context, state attributeSource, private privateReader) keyspace.Holding
}

// holding is of nothing for a directory that is deleted only if it is empty, and for one that was
// replaced on the server and is not deleted.
func (r *dirResource) holding(ctx context.Context, state attributeSource, private privateReader) (h keyspace.Holding) {
	var ignored diag.Diagnostics
	if !isTrue(ctx, state, "force_destroy") || readPrivateState[dirPrivateState](ctx, private, &ignored).ReplacedBy != 0 {
		return h
	}
	if dir, ok := byText(ctx, "path", keyspace.NodeAt)(state); ok {
		h = keyspace.Holding{Object: dir, Tree: dir}
	}
	return h
}

func (r *userResource) holding(ctx context.Context, state attributeSource, _ privateReader) (h keyspace.Holding) {
	if user, ok := byText(ctx, "name", userNamed)(state); ok {
		h = keyspace.Holding{Object: user, Tree: grantsWithin(user)}
	}
	return h
}

func (r *roleResource) holding(ctx context.Context, state attributeSource, _ privateReader) (h keyspace.Holding) {
	if role, ok := byText(ctx, "name", roleNamed)(state); ok {
		h = keyspace.Holding{Object: role, Tree: permissionsWithin(role)}
	}
	return h
}

// isTrue reports whether an attribute is known to be true.
func isTrue(ctx context.Context, from attributeSource, name string) bool {
	var value types.Bool
	return from != nil && !from.GetAttribute(ctx, path.Root(name), &value).HasError() && value.ValueBool()
}

// noteHolding records what is deleted with an object that a read found: a CLI plans a tainted
// object only as one to create.
func noteHolding(ctx context.Context, r any, state attributeSource, private privateReader) {
	if h, ok := r.(holder); ok && h.plannedClaims() != nil {
		h.plannedClaims().Hold(h.holding(ctx, state, private))
	}
}

// intentOf returns the intent of a planned object, with what its replacement deletes and what it
// keeps although it changes.
func intentOf(ctx context.Context, r intentional, by keyspace.Claimant, change intendedChange) keyspace.Intent {
	want := r.intent(ctx, change)
	want.Adopts = isTrue(ctx, change.after, "adopt_existing")
	if change.before == nil {
		return want
	}
	if h, ok := r.(holder); ok {
		want.Holds = h.holding(ctx, change.before, change.private)
	}
	if by.Idle {
		return want
	}
	want.Stays = map[keyspace.Object]bool{}
	for o := range r.intent(ctx, intendedChange{after: change.before, private: change.private}).Claims {
		_, want.Stays[o] = want.Claims[o]
	}
	return want
}

// movingAttributes are the computed attributes by which the replacement of an object can be
// planned, the clearest first.
var movingAttributes = []string{"created_index", "expiration", "adopt_existing"}

// replaceToo plans to replace an object that the replacement of another one deletes. It reports
// whether that could be planned.
func replaceToo(
	ctx context.Context, name string, by keyspace.Rival, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse,
) bool {
	for _, moving := range movingAttributes {
		attribute, ok := resp.Plan.Schema.GetAttributes()[moving]
		var configured attr.Value
		if !ok || req.Config.GetAttribute(ctx, path.Root(moving), &configured).HasError() || !configured.IsNull() {
			continue
		}
		kind := attribute.GetType()
		unknown, err := kind.ValueFromTerraform(ctx, tftypes.NewValue(kind.TerraformType(ctx), tftypes.UnknownValue))
		if err != nil {
			continue
		}
		resp.Diagnostics.Append(resp.Plan.SetAttribute(ctx, path.Root(moving), unknown)...)
		resp.RequiresReplace = append(resp.RequiresReplace, path.Root(moving))
		resp.Diagnostics.AddWarning("Replaced together", fmt.Sprintf("The plan replaces another object of this configuration, an %s, and that "+
			"deletes what this %s manages. So the plan replaces this one too:\n\n%s", by.Resource, name, objectList(by)))
		return true
	}
	return false
}

// addLoss reports what a replacement deletes. The provider can neither see whether the
// replacement creates first, which deletes nothing, nor whether an object that is planned after it
// is going to be replaced too.
func addLoss(diags *diag.Diagnostics, by keyspace.Claimant, other keyspace.Rival) {
	list := objectList(other)
	switch {
	case by.Exists:
		diags.AddWarning("Deleted by a replacement", fmt.Sprintf("The plan replaces another object of this configuration, an %s, and that "+
			"deletes what this %s manages:\n\n%s\n\n"+
			"Unless the plan replaces this %[2]s too, it is missing until the next apply. Add `-replace` with its address, or "+
			"replace_triggered_by to its lifecycle. If the other object has create_before_destroy and adopt_existing, nothing is deleted.",
			other.Resource, by.Resource, list))
	case other.Rivalry == keyspace.LostUnlessAdopted:
		diags.AddWarning("Deleted by a replacement", fmt.Sprintf("The plan replaces this %s, and that deletes what another object of this "+
			"configuration, an %s, manages:\n\n%s\n\n"+
			"With create_before_destroy, nothing is deleted. Without it, the apply will refuse to delete anything.",
			by.Resource, other.Resource, list))
	default:
		diags.AddError("Deleted here and needed there", fmt.Sprintf("The plan replaces this %s, and that deletes what another object of this "+
			"configuration, an %s, manages and the plan leaves in place:\n\n%s\n\n"+
			"Nothing was changed. Let the other object refer to this one instead of writing the name out: the plan then replaces both. To "+
			"keep everything, set create_before_destroy and adopt_existing on this %[1]s. If it is tainted, `terraform untaint` also "+
			"ends this.", by.Resource, other.Resource, list))
	}
}

// lossKey is where the private state of a planned replacement keeps what it would delete if it does
// not create first. A CLI shows no warning of the create. It gives this private state to the
// deletion that comes before the create, and not to one that comes after it.
const lossKey = "lost"

// noteLoss keeps what a replacement would delete.
func noteLoss(ctx context.Context, rivals []keyspace.Rival, by keyspace.Claimant, resp *resource.ModifyPlanResponse) {
	var lost []string
	for _, other := range rivals {
		if !by.Exists && other.Rivalry == keyspace.LostUnlessAdopted {
			lost = append(lost, fmt.Sprintf("An %s manages:\n\n%s", other.Resource, objectList(other)))
		}
	}
	if len(lost) == 0 || resp.Private == nil {
		return
	}
	data, err := json.Marshal(strings.Join(lost, "\n\n"))
	if err == nil {
		resp.Diagnostics.Append(resp.Private.SetKey(ctx, lossKey, data)...)
	}
}

// refuseLoss refuses the deletion of an object that is being replaced, if it deletes what the plan
// leaves in place. It reports whether to continue.
func refuseLoss(ctx context.Context, resp *resource.DeleteResponse) bool {
	if resp.Private == nil {
		return true
	}
	data, diags := resp.Private.GetKey(ctx, lossKey)
	resp.Diagnostics.Append(diags...)
	var lost string
	if len(data) == 0 || json.Unmarshal(data, &lost) != nil || lost == "" {
		return true
	}
	// The object stays in state, and another plan may delete it.
	resp.Diagnostics.Append(resp.Private.SetKey(ctx, lossKey, []byte(`""`))...)
	resp.Diagnostics.AddError("Deleted here and needed there", fmt.Sprintf("This object is replaced. That deletes what other objects of this "+
		"configuration manage and the plan leaves in place. %s\n\n"+
		"Nothing was deleted. Set create_before_destroy to keep everything. Or let the other objects refer to this one instead of writing the "+
		"name out, and set adopt_existing = false: the plan then replaces all of them.", lost))
	return false
}
