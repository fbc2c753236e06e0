package provider

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/list"
	"github.com/hashicorp/terraform-plugin-framework/list/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

var _ list.ListResourceWithConfigure = (*userList)(nil)

func newUserList() list.ListResource { return &userList{} }

type userList struct{ resourceBase }

func (l *userList) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_user"
}

func (l *userList) ListResourceConfigSchema(_ context.Context, _ list.ListResourceSchemaRequest, resp *list.ListResourceSchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Lists the users of the store for `terraform query`, sorted by name. With `-generate-config-out`, it writes a " +
			"resource and an import block for each user. They contain no password: servers never return it, and an import leaves it as it is.\n\n" +
			"Servers leave out users whose name starts with `_`. A user whose name `etcd_user` refuses is left out with a warning. With " +
			"`include_resource`, each user is read with a separate request. A granted role that does not exist then causes a warning: remove it " +
			"from the generated `roles`, and the apply revokes it.",
	}
}

func (l *userList) List(ctx context.Context, req list.ListRequest, stream *list.ListResultsStream) {
	var diags diag.Diagnostics
	client := l.client(&diags)
	if client == nil {
		stream.Results = list.ListResultsStreamDiagnostics(diags)
		return
	}
	users, err := client.Users.List(ctx)
	if err != nil {
		addFailure(&diags, "Unable to list users", "", err)
		stream.Results = list.ListResultsStreamDiagnostics(diags)
		return
	}
	listing[*etcdv2.User]{
		noun: "users", typeName: "etcd_user", objects: users,
		refuse: func(user *etcdv2.User) (string, error) {
			return user.Name, cmp.Or(etcdv2.CheckUserName(user.Name), checkForm(user.Name))
		},
		describe: func(user *etcdv2.User) listed {
			if req.IncludeResource {
				return readUser(ctx, client, user.Name)
			}
			return listed{name: user.Name, identity: userIdentity{types.StringValue(user.Name)}}
		},
	}.send(ctx, req, stream)
}

// readUser reads a user that was listed: lists do not have the roles that do
// not exist, and those of old servers no roles at all.
func readUser(ctx context.Context, client *etcdv2.Client, name string) listed {
	var model userModel
	var diags diag.Diagnostics
	user, err := client.Users.GetPartial(ctx, name)
	switch {
	case errors.Is(err, etcdv2.ErrNotFound):
		return listed{}
	case err != nil:
		addFailure(&diags, "Unable to read user", name, err)
		return listed{diags: diags}
	}
	if user.MissingRole != "" {
		diags.AddWarning("Role does not exist", fmt.Sprintf("The user %q has the role %q, which does not exist. "+
			"Take it out of roles where configuration is generated, or make the role: no user is given a role that does not exist.", name,
			user.MissingRole))
	}
	model.refresh(ctx, user, &diags)
	model.Roles = setOf(ctx, inForm(user.Held()), &diags)
	return listed{name: name, identity: userIdentity{model.Name}, model: model, diags: diags}
}
