package provider

import (
	"context"
	"errors"
	"fmt"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

// updateInRun is update, given what other objects of this run granted and
// revoked since state was read: what they granted stays.
func (r *roleResource) updateInRun(ctx context.Context, client *etcdv2.Client, name string, had, want etcdv2.Permissions) error {
	run := r.connection.run
	release, err := run.Lock(ctx, roleNamed(name))
	if err != nil {
		return err
	}
	defer release()
	goal := want
	if want.Read != nil {
		had.Read, goal.Read = run.Since(kindPermission, permissionPrefix(name, accessRead), had.Read, want.Read)
	}
	if want.Write != nil {
		had.Write, goal.Write = run.Since(kindPermission, permissionPrefix(name, accessWrite), had.Write, want.Write)
	}
	if !permissionsAre(had, goal) {
		err = r.update(ctx, client, name, had, goal)
	}
	if err == nil {
		r.noteMade(name, want)
	}
	return err
}

// noteMade notes that this run created, wrote or adopted a role, and the
// permissions that are managed with it.
func (r *roleResource) noteMade(name string, want etcdv2.Permissions) {
	r.connection.run.NoteMade(roleNamed(name))
	for _, pattern := range want.Read {
		r.connection.run.NoteMade(permissionOf(name, accessRead, pattern))
	}
	for _, pattern := range want.Write {
		r.connection.run.NoteMade(permissionOf(name, accessWrite, pattern))
	}
}

// change gives a role that has permissions those that are wanted; a nil
// list means that they stay as they are. Patterns that no configuration can
// contain are not among those that it had by state, and stay.
func (r *roleResource) change(ctx context.Context, client *etcdv2.Client, name string, had, want etcdv2.Permissions) (*etcdv2.Role, error) {
	role, err := r.changeExactly(ctx, client, name, had, keepPatterns(want, had))
	if !errors.Is(err, etcdv2.ErrCompareFailed) {
		return role, err
	}
	found, readErr := client.Roles.GetLinearizable(ctx, name)
	if readErr != nil || permissionsAre(keepPatterns(had, found.Permissions), had) {
		return role, err
	}
	return r.changeExactly(ctx, client, name, keepPatterns(had, found.Permissions), keepPatterns(want, found.Permissions))
}

// keepPatterns is keepOutOfForm for permissions.
func keepPatterns(want, present etcdv2.Permissions) etcdv2.Permissions {
	return etcdv2.Permissions{Read: keepOutOfForm(want.Read, present.Read), Write: keepOutOfForm(want.Write, present.Write)}
}

// patternsInForm are the permissions that a configuration can contain.
func patternsInForm(p etcdv2.Permissions) etcdv2.Permissions {
	return etcdv2.Permissions{Read: inForm(p.Read), Write: inForm(p.Write)}
}

func (r *roleResource) changeExactly(
	ctx context.Context, client *etcdv2.Client, name string, had, want etcdv2.Permissions,
) (*etcdv2.Role, error) {
	var update etcdv2.RoleUpdate
	if want.Read != nil {
		update.Grant.Read, update.Revoke.Read, update.From.Read = without(want.Read, had.Read), without(had.Read, want.Read), had.Read
	}
	if want.Write != nil {
		update.Grant.Write, update.Revoke.Write, update.From.Write = without(want.Write, had.Write), without(had.Write, want.Write), had.Write
	}
	var role *etcdv2.Role
	var err error
	mismatch := etcdv2.ErrOverwritten
	if permissionsAre(had, want) {
		role, err = client.Roles.GetLinearizable(ctx, name)
		mismatch = etcdv2.ErrCompareFailed
	} else {
		role, err = client.Roles.Update(ctx, name, update)
	}
	if err == nil && !permissionsAre(patternsInForm(role.Permissions), patternsInForm(want)) {
		return nil, fmt.Errorf("%w: the role has other permissions than planned", mismatch)
	}
	return role, err
}

// permissionsAre reports whether permissions are the wanted ones. A nil list in want matches
// any list.
func permissionsAre(p, want etcdv2.Permissions) bool {
	return (want.Read == nil || sameNames(p.Read, want.Read)) && (want.Write == nil || sameNames(p.Write, want.Write))
}
