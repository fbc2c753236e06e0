package provider

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

// The rules for changes to users, roles and grants. A server has no conditional writes for them.
// Right before a change we read the object and compare it with the plan, which narrows the race
// and does not close it.

// notAsPlanned words a refusal that shows that a user or a role is not as it was planned, and
// returns any other error unchanged.
func notAsPlanned(noun, name string, err error) error {
	var worded *refusal
	switch {
	case errors.Is(err, etcdv2.ErrOutcomeUnknown), errors.As(err, &worded):
		return err
	case errors.Is(err, etcdv2.ErrNotFound):
		return &refusal{
			summary: noun + " was deleted since it was planned",
			what:    fmt.Sprintf("%s existed when this plan was made, and no longer does.", name),
			advice:  "It was not changed. Plan again and review what it shows.",
			cause:   err,
		}
	case errors.Is(err, etcdv2.ErrCompareFailed), errors.Is(err, etcdv2.ErrGranted), errors.Is(err, etcdv2.ErrNotGranted):
		return &refusal{
			summary: noun + " changed since it was planned",
			what:    fmt.Sprintf("%s was changed by somebody else after this plan was made.", name),
			advice:  "It was not changed. Find out who else changes it, then plan again and review what it shows.",
			cause:   err,
		}
	default:
		return err
	}
}

// gained is the refusal to delete an object that has more than the plan has shown.
func gained(noun, what string, now []string) error {
	return &refusal{
		summary: noun + " changed since it was planned",
		what:    fmt.Sprintf("Since this plan was made, somebody else gave %s %s.", what, quotedList(now)),
		advice:  "It was not deleted. Find out who else changes it, then plan again and review what it shows.",
		cause:   etcdv2.ErrCompareFailed,
	}
}

// requireRoles refuses roles that do not exist. A server would accept them, and would then no
// longer list the user's other roles.
func requireRoles(ctx context.Context, client *etcdv2.Client, names []string) error {
	if len(names) == 0 {
		return nil
	}
	roles, err := client.Roles.List(ctx)
	if err != nil {
		return err
	}
	for _, name := range names {
		if slices.ContainsFunc(roles, func(r *etcdv2.Role) bool { return r.Name == name }) {
			continue
		}
		// A list leaves out names that start with "_".
		if _, err := client.Roles.Get(ctx, name); err == nil {
			continue
		} else if !errors.Is(err, etcdv2.ErrNotFound) {
			return err
		}
		return &refusal{
			summary: "Role does not exist",
			what:    fmt.Sprintf("The role %q does not exist, so it cannot be granted to a user.", name),
			advice: "Nothing was changed. If this configuration creates the role, write a reference such as etcd_role.example.name instead of " +
				"its name, so that the role is created first. Otherwise correct or remove the name.",
			cause: etcdv2.ErrNotFound,
		}
	}
	return nil
}

// keepOwnLogin refuses a change that would take its user, or the role root, from the provider
// while it needs them for making changes.
func (b *base) keepOwnLogin(ctx context.Context, client *etcdv2.Client, user, change string) error {
	if user != b.connection.options.Username {
		return nil
	}
	enabled, err := client.Auth.StatusLinearizable(ctx)
	if err != nil || !enabled {
		return err
	}
	return &refusal{
		summary: "The provider would lock itself out",
		what: fmt.Sprintf("The provider logs in as the user %q, and authentication is enabled: %s would leave it without the right to change "+
			"anything.",
			user, change),
		advice: "Nothing was changed. Let the provider log in as another user with the role root, or disable authentication first: " +
			"an etcd_auth in the same configuration does so if it depends on this resource.",
		cause: etcdv2.ErrForbidden,
	}
}

// importNamed takes the name of a user or a role from the id or the identity.
func importNamed(ctx context.Context, check func(string) error, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	at := path.Root("name")
	resource.ImportStatePassthroughWithIdentity(ctx, at, at, req, resp)
	var name types.String
	resp.Diagnostics.Append(resp.State.GetAttribute(ctx, at, &name)...)
	if err := check(name.ValueString()); err != nil && !resp.Diagnostics.HasError() {
		resp.Diagnostics.AddError("Invalid import id", sentence(err))
	}
	setSteering(ctx, &resp.State, &resp.Diagnostics)
}

// without returns the names that are not in others.
func without(names, others []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return slices.Contains(others, name) })
}

// sameNames reports whether two lists contain the same names, in any order.
func sameNames(a, b []string) bool {
	return len(without(a, b)) == 0 && len(without(b, a)) == 0
}

func quotedList(names []string) string {
	parts := make([]string, len(names))
	for i, name := range names {
		parts[i] = fmt.Sprintf("%q", name)
	}
	return strings.Join(parts, ", ")
}

// namesOf returns the elements of a set of strings, not nil if there are none,
// and nil if the set is null or unknown.
func namesOf(ctx context.Context, set types.Set, diags *diag.Diagnostics) []string {
	if set.IsNull() || set.IsUnknown() {
		return nil
	}
	names := []string{}
	diags.Append(set.ElementsAs(ctx, &names, false)...)
	return names
}

// setOf returns names as a set, which is empty rather than null.
func setOf(ctx context.Context, names []string, diags *diag.Diagnostics) types.Set {
	if names == nil {
		names = []string{}
	}
	set, d := types.SetValueFrom(ctx, types.StringType, names)
	diags.Append(d...)
	return set
}
