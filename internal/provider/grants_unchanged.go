package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

var (
	_ unchanging = (*userRoleResource)(nil)
	_ unchanging = (*rolePermissionResource)(nil)
)

// grantRead is the result of a read of a grant or a permission.
type grantRead struct {
	granted bool
	err     error
	diags   diag.Diagnostics
}

// isUnchanged reports whether it is there, with nothing to say.
func (r grantRead) isUnchanged() bool { return r.granted && r.err == nil && len(r.diags) == 0 }

func (r *userRoleResource) read(ctx context.Context, client *etcdv2.Client, state userRoleModel) (found grantRead) {
	found.granted, found.err = r.isGranted(ctx, client, state, &found.diags)
	return found
}

func (r *userRoleResource) readUnchanged(ctx context.Context, state flatObject, _ flatPrivate) (context.Context, bool) {
	var ignored diag.Diagnostics
	client := r.client(&ignored)
	if client == nil {
		return ctx, false
	}
	found := readOnce(ctx, func() grantRead { return r.read(ctx, client, userRoleModelOf(state)) })
	return keepRead(ctx, found), found.isUnchanged()
}

func (r *userRoleResource) planUnchanged(configured, object flatObject, _ flatPrivate) bool {
	config, state := userRoleModelOf(configured), userRoleModelOf(object)
	return keepSteering(config.AdoptExisting, state.AdoptExisting) == state.AdoptExisting
}

func userRoleModelOf(o flatObject) userRoleModel {
	return userRoleModel{User: o.text("user"), Role: o.text("role"), AdoptExisting: o.truth("adopt_existing")}
}

func (r *rolePermissionResource) readUnchanged(ctx context.Context, state flatObject, _ flatPrivate) (context.Context, bool) {
	var ignored diag.Diagnostics
	client := r.client(&ignored)
	if client == nil {
		return ctx, false
	}
	found := readOnce(ctx, func() grantRead { return r.read(ctx, client, rolePermissionModelOf(state)) })
	return keepRead(ctx, found), found.isUnchanged()
}

func (r *rolePermissionResource) planUnchanged(configured, object flatObject, _ flatPrivate) bool {
	config, state := rolePermissionModelOf(configured), rolePermissionModelOf(object)
	return keepSteering(config.AdoptExisting, state.AdoptExisting) == state.AdoptExisting
}

func rolePermissionModelOf(o flatObject) rolePermissionModel {
	return rolePermissionModel{
		Role: o.text("role"), Access: o.text("access"), Pattern: o.text("pattern"), AdoptExisting: o.truth("adopt_existing"),
	}
}
