package provider

import (
	"context"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/action"
	"github.com/hashicorp/terraform-plugin-framework/action/schema"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
	"github.com/etcdv2/terraform-provider-etcd/internal/keyspace"
)

var _ action.ActionWithConfigure = (*emptyAction)(nil)

func newEmptyAction() action.Action { return &emptyAction{} }

type emptyAction struct{ actionBase }

type emptyModel struct {
	Prefix            types.String `tfsdk:"prefix"`
	HiddenPaths       types.Set    `tfsdk:"hidden_paths"`
	ExpectedClusterID types.String `tfsdk:"expected_cluster_id"`
	UsersAndRoles     types.Bool   `tfsdk:"users_and_roles"`
}

func (a *emptyAction) Metadata(_ context.Context, req action.MetadataRequest, resp *action.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_empty"
}

func (a *emptyAction) Schema(_ context.Context, _ action.SchemaRequest, resp *action.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Deletes all keys and directories below a prefix of the v2 store that a listing shows, **whoever wrote them**, " +
			"and then the directory itself. It is for a store whose content has moved elsewhere. What it deletes cannot be restored.\n\n" +
			"The action lists the keys first, and deletes each only at the index at which it was listed. A key that was written or refreshed " +
			"since then stays, and the action fails and names it: somebody still uses the store. Directories are deleted from the innermost " +
			"up, and only if they are empty, so that one to which a key was added stays too. The action can be repeated.\n\n" +
			"No listing shows hidden keys. A directory that contains some stays and is named, until `hidden_paths` names what is in it. Hidden " +
			"keys in the root are not noticed.\n\n" +
			"Objects that Terraform manages are deleted like any other, and the next plan shows that they are gone.",
		Attributes: map[string]schema.Attribute{
			"prefix": schema.StringAttribute{
				Required: true,
				MarkdownDescription: "Directory to empty and delete, such as `/app`, or `/` for everything. The root itself stays, or, with the " +
					"provider's `key_prefix`, the directory of that name.",
				Validators: []validator.String{isDir()},
			},
			"hidden_paths": pathsAttribute(hiddenPathsText + "are deleted too. It is an error if one does not exist. Default: none."),
			"expected_cluster_id": schema.StringAttribute{
				Required: true,
				MarkdownDescription: "Id of the cluster in hexadecimal, as the data source `etcd_cluster` returns it. Nothing is deleted in any " +
					"other cluster.",
				Validators: []validator.String{isClusterID()},
			},
			"users_and_roles": schema.BoolAttribute{
				Optional: true,
				MarkdownDescription: "Once all keys are deleted, also disable authentication, and then delete all users and roles. The v2 API is " +
					"open to everybody from then on. Nothing of this is done if a key or a directory stays. Default: `false`.",
			},
		},
	}
}

// Invoke deletes the keys and directories, and then the users and roles.
func (a *emptyAction) Invoke(ctx context.Context, req action.InvokeRequest, resp *action.InvokeResponse) {
	var config emptyModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	if resp.Diagnostics.HasError() {
		return
	}
	client := a.emptyClient(config, &resp.Diagnostics)
	if client == nil {
		return
	}
	defer client.CloseIdleConnections()
	report := newReporter(resp)
	if a.emptyKeys(ctx, client, config, report, &resp.Diagnostics) && config.UsersAndRoles.ValueBool() {
		removeAuth(ctx, client, report, &resp.Diagnostics)
	}
}

// emptyClient returns a client of the expected cluster and no other.
func (a *emptyAction) emptyClient(config emptyModel, diags *diag.Diagnostics) *etcdv2.Client {
	expected := strings.ToLower(config.ExpectedClusterID.ValueString())
	client := a.linearizableClient(expected, diags)
	if client == nil {
		return nil
	}
	if own := a.connection.options.ExpectedClusterID; own != "" && own != expected {
		diags.AddAttributeError(path.Root("expected_cluster_id"), "Unexpected etcd cluster", fmt.Sprintf(
			"The provider expects the cluster %s, and the action %s. Nothing was deleted.", own, expected,
		))
		return nil
	}
	return client
}

// emptyKeys reports whether everything below the prefix is gone.
func (a *emptyAction) emptyKeys(
	ctx context.Context, client *etcdv2.Client, config emptyModel, report *reporter, diags *diag.Diagnostics,
) bool {
	prefix := config.Prefix.ValueString()
	var hidden []string
	diags.Append(config.HiddenPaths.ElementsAs(ctx, &hidden, false)...)
	for _, at := range hidden {
		checkHiddenBelow(at, prefix, diags)
	}
	if diags.HasError() {
		return false
	}
	store := keyspace.NewStore(client.Keys, a.connection.ahead, nil)
	content, err := store.ReadContent(ctx, prefix, hidden)
	if isGone(err, prefix) {
		report.say("There is nothing at %s", prefix)
		return true
	}
	if err != nil {
		addFailure(diags, "Unable to list the store", prefix, err)
		return false
	}
	all := len(content.Keys) + len(content.Dirs)
	report.say("Deleting %s and %s below %s, as listed at index %d",
		counted(len(content.Keys), "key"), counted(len(content.Dirs), "directory"), prefix, content.Index)
	emptied, err := store.Empty(ctx, content, func(settled int) { report.sometimes("%d of %d done", settled, all) })
	done := fmt.Sprintf("%s and %s were deleted.", counted(emptied.Keys, "key"), counted(emptied.Dirs, "directory"))
	if err != nil {
		// Deletes whose answers were lost are not counted.
		addFailure(diags, "Unable to empty the store", "At least "+done+" Run the action again to continue", err)
		return false
	}
	report.say("%s", done)
	return wordEmptied(emptied, done, diags)
}
