package provider

import (
	"context"
	"errors"

	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/action"
	"github.com/hashicorp/terraform-plugin-framework/action/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

var _ action.ActionWithConfigure = (*changePasswordAction)(nil)

func newChangePasswordAction() action.Action { return &changePasswordAction{} }

type changePasswordAction struct{ actionBase }

type changePasswordModel struct {
	Name        types.String `tfsdk:"name"`
	PasswordKey types.String `tfsdk:"password_key"`
}

func (a *changePasswordAction) Metadata(_ context.Context, req action.MetadataRequest, resp *action.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_change_password"
}

func (a *changePasswordAction) Schema(_ context.Context, _ action.SchemaRequest, resp *action.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Changes the password of a user **unconditionally**. An action cannot take a secret, so it reads the new " +
			"password from a key. After the change it deletes that key, unless the key was changed in the meantime. Let only those read the key " +
			"who may know the password, and give it a TTL.\n\n" +
			"For a user that `etcd_user` manages, change `password_wo` of that resource instead. The provider needs a user with the role " +
			"`root`. If the action changes the password of the provider's own user, the rest of the run uses the new one; a warning reminds you " +
			"to set `password` in the provider block before the next run.",
		Attributes: map[string]schema.Attribute{
			"name": schema.StringAttribute{
				Required:            true,
				MarkdownDescription: "Name of the user. A missing user is an error.",
				Validators:          []validator.String{stringvalidator.LengthAtLeast(1)},
			},
			"password_key": schema.StringAttribute{
				Required:            true,
				MarkdownDescription: "Path of the key that contains the new password, such as `/handover/alice`. Its value must not be empty.",
				Validators:          []validator.String{isPath()},
			},
		},
	}
}

// Invoke reads the key, changes the password and deletes the key.
func (a *changePasswordAction) Invoke(ctx context.Context, req action.InvokeRequest, resp *action.InvokeResponse) {
	var config changePasswordModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	if resp.Diagnostics.HasError() {
		return
	}
	client := a.client(&resp.Diagnostics)
	if client == nil {
		return
	}
	name, key := config.Name.ValueString(), config.PasswordKey.ValueString()
	found, err := client.Keys.Get(ctx, key, etcdv2.GetOptions{})
	switch {
	case err != nil:
		addFailure(&resp.Diagnostics, "Unable to read the new password", key, err)
		return
	case found.Node.Dir || found.Node.Value == "":
		resp.Diagnostics.AddError("No new password", key+" is empty or a directory. The password was not changed.")
		return
	case found.Node.NotText:
		resp.Diagnostics.AddError("No new password", key+" contains bytes that are not UTF-8 text, which the API does not show. The password "+
			"was not changed.")
		return
	}
	_, err = client.Users.Update(ctx, name, etcdv2.UserUpdate{Password: found.Node.Value})
	switch {
	case errors.Is(err, etcdv2.ErrNotFound):
		resp.Diagnostics.AddError("User not found", "There is no user "+name+". "+key+" was left as it is.")
		return
	case err != nil:
		addFailure(&resp.Diagnostics, "Unable to change password", name, err)
		return
	}
	progress(resp, "The password of "+name+" was changed")
	if name == a.connection.options.Username {
		resp.Diagnostics.AddWarning("Password of the provider was changed", "The provider logs in as "+name+
			", and uses the new password until the end of this run. "+
			"Set password in the provider block, or ETCDCTL_PASSWORD, to the new one before the next run.")
	}
	_, err = client.Keys.CompareAndDelete(ctx, key, etcdv2.Condition{Index: found.Node.ModifiedIndex})
	a.forget(key)
	if err != nil && !errors.Is(err, etcdv2.ErrNotFound) {
		summary, detail := wordFailure("Key with the new password was not deleted", key, err)
		resp.Diagnostics.AddWarning(summary, "The password was changed. "+detail)
	}
}
