package provider

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

// updateInRun makes an update, given what other objects of this run granted and
// revoked since state was read: what they granted stays.
func (r *userResource) updateInRun(
	ctx context.Context, client *etcdv2.Client, plan, config, state userModel, password string, diags *diag.Diagnostics,
) error {
	name, run := plan.Name.ValueString(), r.connection.run
	release, err := run.Lock(ctx, userNamed(name))
	if err != nil {
		return err
	}
	defer release()
	var had, goal []string
	roles := namesOf(ctx, plan.Roles, diags)
	revoked := func(role string) bool { return run.HasRemoved(grantOf(name, role)) }
	isManaged := !config.Roles.IsNull()
	if plan.changesRoles(config, state) || (isManaged && slices.ContainsFunc(roles, revoked)) {
		had, goal = run.Since(kindGrant, grantPrefix(name), state.roleNames(ctx, diags), roles)
	}
	if goal != nil || password != "" {
		err = r.update(ctx, client, had, goal, name, password)
	}
	if err == nil {
		r.noteMade(name, roles, isManaged)
	}
	return err
}

// noteMade notes that this run created, wrote or adopted a user, and its roles
// if they are managed with it.
func (r *userResource) noteMade(name string, roles []string, areManaged bool) {
	r.connection.run.NoteMade(userNamed(name))
	for _, role := range roles {
		if areManaged {
			r.connection.run.NoteMade(grantOf(name, role))
		}
	}
}

// update makes a change, or none if another client has just made the same one.
func (r *userResource) update(ctx context.Context, client *etcdv2.Client, had, want []string, name, password string) error {
	if err := requireRoles(ctx, client, want); err != nil {
		return err
	}
	if want != nil && slices.Contains(without(had, want), etcdv2.RootRole) {
		if err := r.keepOwnLogin(ctx, client, name, "to revoke its role root"); err != nil {
			return err
		}
	}
	_, err := r.change(ctx, client, had, want, name, password)
	if want == nil || !errors.Is(err, etcdv2.ErrCompareFailed) {
		return err
	}
	// Another client may have made the planned change.
	user, readErr := client.Users.GetLinearizable(ctx, name)
	if readErr != nil || !sameInForm(user.Held(), want) {
		return err
	}
	_, err = r.change(ctx, client, want, want, name, password)
	return err
}

// change gives a user the wanted roles in place of those it had; nil means that the roles stay as
// they are. Roles that no configuration can name are not in state, and stay.
func (r *userResource) change(ctx context.Context, client *etcdv2.Client, had, want []string, name, password string) (*etcdv2.User, error) {
	user, err := r.changeExactly(ctx, client, had, keepOutOfForm(want, had), name, password)
	if want == nil || !errors.Is(err, etcdv2.ErrCompareFailed) {
		return user, err
	}
	found, readErr := client.Users.GetLinearizable(ctx, name)
	if readErr != nil || len(without(outOfForm(found.Held()), had)) == 0 {
		return user, err
	}
	return r.changeExactly(ctx, client, keepOutOfForm(had, found.Held()), keepOutOfForm(want, found.Held()), name, password)
}

// changeExactly makes a change of a user that has exactly the roles it had.
func (r *userResource) changeExactly(
	ctx context.Context, client *etcdv2.Client, had, want []string, name, password string,
) (*etcdv2.User, error) {
	if login := r.connection.options; password != "" && name == login.Username && password != login.Password {
		if err := r.keepOwnLogin(ctx, client, name, "to change its password"); err != nil {
			return nil, err
		}
	}
	update := etcdv2.UserUpdate{Password: password}
	if want != nil {
		update.Grant, update.Revoke, update.From = without(want, had), without(had, want), append([]string{}, had...)
	}
	var user *etcdv2.User
	var err error
	mismatch := etcdv2.ErrOverwritten
	if len(update.Grant) == 0 && len(update.Revoke) == 0 && password == "" {
		user, err = client.Users.GetLinearizable(ctx, name)
		mismatch = etcdv2.ErrCompareFailed
	} else {
		user, err = client.Users.Update(ctx, name, update)
	}
	// Servers name one missing role at a time.
	for err == nil && want != nil && !missingRole(user).IsNull() && !slices.Contains(want, user.MissingRole) {
		user, err = client.Users.Update(ctx, name, etcdv2.UserUpdate{Revoke: []string{user.MissingRole}, From: user.Held()})
	}
	if err == nil && want != nil && !sameInForm(user.Held(), want) {
		return nil, fmt.Errorf("%w: the user has other roles than planned", mismatch)
	}
	return user, err
}
