package provider

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
	"github.com/etcdv2/terraform-provider-etcd/internal/keyspace"
	"github.com/etcdv2/terraform-provider-etcd/internal/membership"
)

var (
	_ creator = (*authResource)(nil)
	_ creator = (*dirResource)(nil)
	_ creator = (*inOrderKeyResource)(nil)
	_ creator = (*keyPrefixResource)(nil)
	_ creator = (*keyResource)(nil)
	_ creator = (*memberResource)(nil)
	_ creator = (*rolePermissionResource)(nil)
	_ creator = (*roleResource)(nil)
	_ creator = (*userResource)(nil)
	_ creator = (*userRoleResource)(nil)
)

// warnRefused warns of a create that the apply will refuse if nothing changes.
func warnRefused(diags *diag.Diagnostics, err error) {
	if c, ok := errors.AsType[*refusal](subject{}.asNew().worded(err)); ok {
		diags.AddWarning(c.summary, "As the store is now, the apply will fail. "+c.what+"\n\n"+c.advice)
	}
}

// warnAdopts warns of the changes that a create makes to an object that it adopts.
func warnAdopts(diags *diag.Diagnostics, what string, changes []string) {
	if len(changes) > 0 {
		diags.AddWarning(
			"Existing object will be taken over", what+" already exists, and adopt_existing is set. The apply "+wordList(changes)+".",
		)
	}
}

func wordList(parts []string) string {
	if len(parts) < 2 {
		return strings.Join(parts, "")
	}
	return strings.Join(parts[:len(parts)-1], ", ") + " and " + parts[len(parts)-1]
}

// adoptionOf describes what adopting a key changes, without a value.
func adoptionOf(w keyspace.Wanted, found *etcdv2.Node, valueKnown bool) []string {
	var changes []string
	switch {
	case !valueKnown:
		changes = append(changes, "may write another value")
	case found.NotText || !keyspace.SameValue(w.Value, found.Value, w.JSON):
		changes = append(changes, "writes another value")
	}
	switch {
	case w.TTL == nil && found.HasTTL():
		changes = append(changes, fmt.Sprintf("removes its TTL (%d seconds left)", found.TTL))
	case w.TTL != nil && found.HasTTL():
		changes = append(changes, fmt.Sprintf("sets its TTL (%d seconds left) to %d seconds", found.TTL, *w.TTL))
	case w.TTL != nil:
		changes = append(changes, fmt.Sprintf("sets a TTL of %d seconds, so that it expires", *w.TTL))
	}
	return changes
}

func (r *keyResource) warnOfExisting(ctx context.Context, req resource.ModifyPlanRequest, l *looks, diags *diag.Diagnostics) {
	var plan, config keyModel
	if readModel(ctx, req.Plan, &plan).HasError() || readModel(ctx, req.Config, &config).HasError() || plan.Key.IsUnknown() ||
		plan.AdoptExisting.IsUnknown() {
		return
	}
	key := plan.Key.ValueString()
	found := l.at(ctx, key)
	about := plan.subject(&r.base)
	switch {
	case found == nil:
	case found.Key != key:
		warnRefused(diags, &keyspace.Refusal{Kind: keyspace.BelowKey, Path: key, Other: found.Key})
	case found.Dir:
		warnRefused(diags, &keyspace.Refusal{Kind: keyspace.IsDirectory, Path: key})
	case !plan.AdoptExisting.ValueBool():
		warnRefused(diags, about.worded(&keyspace.Refusal{Kind: keyspace.Exists, Path: key, Found: found.ModifiedIndex}))
	case !plan.TTL.IsUnknown():
		known := !plan.Value.IsUnknown() && !plan.ValueJSON.IsUnknown() && !config.ValueWO.IsUnknown()
		warnAdopts(diags, key, adoptionOf(plan.toAPI(config, ttlPointer(plan.TTL)), found, known))
	}
}

func (r *dirResource) warnOfExisting(ctx context.Context, req resource.ModifyPlanRequest, l *looks, diags *diag.Diagnostics) {
	var plan dirModel
	if readModel(ctx, req.Plan, &plan).HasError() || plan.Path.IsUnknown() || plan.AdoptExisting.IsUnknown() {
		return
	}
	dir := plan.Path.ValueString()
	found := l.at(ctx, dir)
	about := r.subject("etcd_dir")
	switch {
	case found == nil:
	case found.Key != dir:
		warnRefused(diags, &keyspace.Refusal{Kind: keyspace.BelowKey, Path: dir, Directory: true, Other: found.Key})
	case !found.Dir:
		warnRefused(diags, &keyspace.Refusal{Kind: keyspace.IsKey, Path: dir, Directory: true})
	case !plan.AdoptExisting.ValueBool():
		warnRefused(diags, about.worded(&keyspace.Refusal{Kind: keyspace.Exists, Path: dir, Directory: true, Found: found.ModifiedIndex}))
	case !plan.TTL.IsUnknown():
		warnAdopts(
			diags, dir, adoptionOf(keyspace.Wanted{TTL: ttlPointer(plan.TTL)}, &etcdv2.Node{TTL: found.TTL, Expiration: found.Expiration}, true),
		)
	}
}

// warnOfExisting does nothing, because the server chooses a free name.
func (r *inOrderKeyResource) warnOfExisting(context.Context, resource.ModifyPlanRequest, *looks, *diag.Diagnostics) {
}

func (r *keyPrefixResource) warnOfExisting(ctx context.Context, req resource.ModifyPlanRequest, l *looks, diags *diag.Diagnostics) {
	var plan keyPrefixModel
	if readModel(ctx, req.Plan, &plan).HasError() || plan.Prefix.IsUnknown() || plan.Keys.IsUnknown() || plan.AdoptExisting.IsUnknown() {
		return
	}
	prefix := plan.Prefix.ValueString()
	found := l.tree(ctx, prefix)
	if found == nil {
		return
	}
	var exist, changed []string
	for _, relative := range slices.Sorted(maps.Keys(plan.Keys.Elements())) {
		node := found.Keys[relative]
		if node == nil || l.isOursAt(node.Key) {
			continue
		}
		exist = append(exist, node.Key)
		value, isText := plan.Keys.Elements()[relative].(types.String)
		want := keyspace.Wanted{Value: value.ValueString(), TTL: ttlPointer(plan.TTL)}
		if changes := adoptionOf(want, node, isText && !value.IsUnknown()); len(changes) > 0 && !plan.TTL.IsUnknown() {
			changed = append(changed, node.Key+": "+wordList(changes))
		}
	}
	switch {
	case len(exist) > 0 && !plan.AdoptExisting.ValueBool():
		diags.AddAttributeWarning(path.Root("keys"), "Key already exists", "As the store is now, the apply will fail before anything is "+
			"written. "+
			"These keys exist already:\n\n"+
			enumerate(exist)+"\n\n"+existingKeysAdvice(prefix))
	case len(changed) > 0 && plan.AdoptExisting.ValueBool():
		diags.AddAttributeWarning(path.Root("keys"), "Existing object will be taken over", "These keys exist already, and adopt_existing is "+
			"set. The apply changes them:\n\n"+enumerate(changed))
	}
}

func (r *userResource) warnOfExisting(ctx context.Context, req resource.ModifyPlanRequest, l *looks, diags *diag.Diagnostics) {
	var plan, config userModel
	if readModel(ctx, req.Plan, &plan).HasError() || readModel(ctx, req.Config, &config).HasError() || plan.Name.IsUnknown() ||
		plan.AdoptExisting.IsUnknown() {
		return
	}
	name := plan.Name.ValueString()
	for _, user := range l.allUsers(ctx) {
		switch {
		case user.Name != name:
		case !plan.AdoptExisting.ValueBool():
			warnRefused(diags, alreadyExists("User", fmt.Sprintf("The user %q already exists", name), "etcd_user", name))
		default:
			// The list of an old server has no roles.
			if user = l.user(ctx, name); user == nil {
				return
			}
			changes := changesOfNames("the roles", user.Held(), knownNames(config.Roles))
			if config.PasswordWO.IsUnknown() || config.Password.IsUnknown() || config.password() != "" {
				changes = append(changes, "sets its password")
			}
			warnAdopts(diags, fmt.Sprintf("The user %q", name), changes)
		}
	}
}

// changesOfNames describes how names change into wanted ones; nil means that nothing changes.
func changesOfNames(what string, had, want []string) []string {
	var changes []string
	if want == nil {
		return nil
	}
	if more := without(want, had); len(more) > 0 {
		changes = append(changes, "grants "+what+" "+quotedList(more))
	}
	if fewer := without(had, want); len(fewer) > 0 {
		changes = append(changes, "revokes "+what+" "+quotedList(fewer))
	}
	return changes
}

func (r *roleResource) warnOfExisting(ctx context.Context, req resource.ModifyPlanRequest, l *looks, diags *diag.Diagnostics) {
	var plan, config roleModel
	if readModel(ctx, req.Plan, &plan).HasError() || readModel(ctx, req.Config, &config).HasError() || plan.Name.IsUnknown() ||
		plan.AdoptExisting.IsUnknown() {
		return
	}
	name := plan.Name.ValueString()
	for _, role := range l.allRoles(ctx) {
		switch {
		case role.Name != name:
		case !plan.AdoptExisting.ValueBool() && name != etcdv2.GuestRole:
			warnRefused(diags, alreadyExists("Role", fmt.Sprintf("The role %q already exists", name), "etcd_role", name))
		default:
			if role = l.role(ctx, name); role == nil {
				return
			}
			changes := append(
				changesOfNames("read of", role.Read, knownNames(config.KVRead)), changesOfNames("write of", role.Write, knownNames(config.KVWrite))...,
			)
			warnAdopts(diags, fmt.Sprintf("The role %q", name), changes)
		}
	}
}

func (r *userRoleResource) warnOfExisting(ctx context.Context, req resource.ModifyPlanRequest, l *looks, diags *diag.Diagnostics) {
	var plan userRoleModel
	if readModel(ctx, req.Plan, &plan).HasError() || plan.User.IsUnknown() || plan.Role.IsUnknown() || plan.AdoptExisting.IsUnknown() ||
		plan.AdoptExisting.ValueBool() {
		return
	}
	for _, user := range l.allUsers(ctx) {
		if user.Name == plan.User.ValueString() && slices.Contains(user.Held(), plan.Role.ValueString()) {
			warnRefused(diags, alreadyExists("Grant", plan.String()+" is granted already", "etcd_user_role", plan.id()))
		}
	}
}

func (r *rolePermissionResource) warnOfExisting(ctx context.Context, req resource.ModifyPlanRequest, l *looks, diags *diag.Diagnostics) {
	var plan rolePermissionModel
	if readModel(ctx, req.Plan, &plan).HasError() || !req.Plan.Raw.IsFullyKnown() || plan.AdoptExisting.ValueBool() {
		return
	}
	for _, role := range l.allRoles(ctx) {
		if role.Name == plan.Role.ValueString() && plan.isGranted(role) {
			warnRefused(diags, alreadyExists("Permission", plan.String()+" is granted already", "etcd_role_permission", plan.id()))
		}
	}
}

func (r *authResource) warnOfExisting(ctx context.Context, req resource.ModifyPlanRequest, l *looks, diags *diag.Diagnostics) {
	var plan authModel
	if readModel(ctx, req.Plan, &plan).HasError() || plan.AdoptExisting.IsUnknown() || plan.AdoptExisting.ValueBool() {
		return
	}
	if l.authEnabled(ctx) {
		warnRefused(diags, alreadyExists("Authentication", "Authentication is already enabled", "etcd_auth", authID))
	}
}

func (r *memberResource) warnOfExisting(ctx context.Context, req resource.ModifyPlanRequest, l *looks, diags *diag.Diagnostics) {
	var plan memberModel
	if readModel(ctx, req.Plan, &plan).HasError() {
		return
	}
	urls := knownNames(plan.PeerURLs)
	for _, member := range l.allMembers(ctx) {
		taken := membership.Taken(member, urls)
		if taken == nil || l.isOurs(memberWith(member.ID)) {
			continue
		}
		warnRefused(diags, wordMembership(taken))
	}
}
