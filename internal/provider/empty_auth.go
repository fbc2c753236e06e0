package provider

import (
	"context"
	"errors"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

// removeAuth disables authentication and deletes all users and roles, in the only
// order that works: the user root cannot be deleted while authentication is enabled,
// and users have roles.
func removeAuth(ctx context.Context, client *etcdv2.Client, report *reporter, diags *diag.Diagnostics) {
	users, err := client.Users.ListLinearizable(ctx)
	if err != nil {
		addFailure(diags, "Unable to list users", "", err)
		return
	}
	roles, err := client.Roles.ListLinearizable(ctx)
	if err != nil {
		addFailure(diags, "Unable to list roles", "", err)
		return
	}
	disabled, err := client.Auth.EnsureDisabled(ctx)
	if err != nil {
		addFailure(diags, "Unable to disable authentication", "", err)
		return
	}
	if disabled {
		report.say("Authentication was disabled")
	}
	done := 0
	for _, user := range users {
		if err := client.Users.Delete(ctx, user.Name); err != nil && !errors.Is(err, etcdv2.ErrNotFound) {
			addFailure(diags, "Unable to delete user", user.Name, err)
			return
		}
		done++
		report.sometimes("%d of %s deleted", done, counted(len(users), "user"))
	}
	for _, role := range roles {
		// It is there on every server and stored nowhere.
		if role.Name == etcdv2.RootRole {
			continue
		}
		if err := client.Roles.Delete(ctx, role.Name); err != nil && !errors.Is(err, etcdv2.ErrNotFound) {
			addFailure(diags, "Unable to delete role", role.Name, err)
			return
		}
	}
	report.say("%s", fmt.Sprintf("All %s and all roles were deleted", counted(len(users), "user")))
}
