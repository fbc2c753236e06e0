package provider

import (
	"context"
	"errors"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/action"
	"github.com/hashicorp/terraform-plugin-framework/action/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

var _ action.ActionWithConfigure = (*deleteAction)(nil)

func newDeleteAction() action.Action { return &deleteAction{} }

type deleteAction struct{ actionBase }

type deleteActionModel struct {
	Key       types.String `tfsdk:"key"`
	Recursive types.Bool   `tfsdk:"recursive"`
}

func (a *deleteAction) Metadata(_ context.Context, req action.MetadataRequest, resp *action.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_delete"
}

func (a *deleteAction) Schema(_ context.Context, _ action.SchemaRequest, resp *action.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Deletes a key **unconditionally**, no matter what it contains and who wrote it. With `recursive`, it deletes a " +
			"directory with everything in it, including hidden keys. If there is nothing to delete, the action succeeds. To delete a key that " +
			"Terraform manages, remove it from the configuration instead: that delete is conditional.",
		Attributes: map[string]schema.Attribute{
			"key": schema.StringAttribute{
				Required:            true,
				MarkdownDescription: "Path of the key or directory, such as `/cache`.",
				Validators:          []validator.String{isPath()},
			},
			"recursive": schema.BoolAttribute{
				Optional:            true,
				MarkdownDescription: "Also delete a directory, with everything in it. With `false`, a directory is an error. Default: `false`.",
			},
		},
	}
}

// Invoke deletes the key or directory.
func (a *deleteAction) Invoke(ctx context.Context, req action.InvokeRequest, resp *action.InvokeResponse) {
	var config deleteActionModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	if resp.Diagnostics.HasError() {
		return
	}
	client := a.client(&resp.Diagnostics)
	if client == nil {
		return
	}
	key := config.Key.ValueString()
	done, err := client.Keys.Delete(ctx, key)
	if errors.Is(err, etcdv2.ErrNotFile) && boolOr(config.Recursive, false) {
		done, err = client.Keys.DeleteDir(ctx, key, etcdv2.DeleteDirOptions{Recursive: true})
	}
	a.forget(key)
	switch {
	case errors.Is(err, etcdv2.ErrNotFound):
		progress(resp, key+" does not exist, so nothing was deleted")
	case errors.Is(err, etcdv2.ErrNotFile):
		resp.Diagnostics.AddError("Key is a directory", "There is a directory at "+key+". Set recursive to delete it with everything in it. "+
			"Nothing was deleted.")
	case err != nil:
		addFailure(&resp.Diagnostics, "Unable to delete key", key, err)
	default:
		progress(resp, fmt.Sprintf("%s was deleted at index %d", key, done.Node.ModifiedIndex))
	}
}
