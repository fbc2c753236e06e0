package provider

import (
	"cmp"
	"context"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/list"
	"github.com/hashicorp/terraform-plugin-framework/list/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

var _ list.ListResourceWithConfigure = (*roleList)(nil)

func newRoleList() list.ListResource { return &roleList{} }

type roleList struct{ resourceBase }

func (l *roleList) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_role"
}

func (l *roleList) ListResourceConfigSchema(_ context.Context, _ list.ListResourceSchemaRequest, resp *list.ListResourceSchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Lists the roles of the store for `terraform query`, sorted by name. With `-generate-config-out`, it writes a " +
			"resource and an import block for each role.\n\n" +
			"The role `root` is left out, because it cannot be changed; `guest` is listed if it exists. Servers leave out roles whose name " +
			"starts with `_`. A role whose name `etcd_role` refuses is left out with a warning.",
	}
}

func (l *roleList) List(ctx context.Context, req list.ListRequest, stream *list.ListResultsStream) {
	var diags diag.Diagnostics
	client := l.client(&diags)
	if client == nil {
		stream.Results = list.ListResultsStreamDiagnostics(diags)
		return
	}
	roles, err := client.Roles.List(ctx)
	if err != nil {
		addFailure(&diags, "Unable to list roles", "", err)
		stream.Results = list.ListResultsStreamDiagnostics(diags)
		return
	}
	listing[*etcdv2.Role]{
		noun: "roles", typeName: "etcd_role",
		objects: slices.DeleteFunc(roles, func(role *etcdv2.Role) bool { return role.Name == etcdv2.RootRole }),
		refuse: func(role *etcdv2.Role) (string, error) {
			return role.Name, cmp.Or(checkChangeableRole(role.Name), checkForm(role.Name))
		},
		describe: func(role *etcdv2.Role) listed { return describeRole(ctx, role) },
	}.send(ctx, req, stream)
}

func describeRole(ctx context.Context, role *etcdv2.Role) listed {
	var model roleModel
	var diags diag.Diagnostics
	model.refresh(ctx, role, &diags)
	return listed{name: role.Name, identity: roleIdentity{model.Name}, model: model, diags: diags}
}
