package provider

import (
	"context"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
	"github.com/etcdv2/terraform-provider-etcd/internal/keyspace"
)

// The prefixes of an import id that say which attribute is to contain the value.
// Without one it is value_json for a JSON object or array, as in a configuration
// that a CLI generates, and value for any other text. No key begins like them.
const (
	importText      = "value:"
	importJSON      = "value_json:"
	importWriteOnly = "value_wo:"
)

func (r *keyResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	form := ""
	for _, prefix := range []string{importText, importJSON, importWriteOnly} {
		if key, found := strings.CutPrefix(req.ID, prefix); found {
			form, req.ID = prefix, key
		}
	}
	importPath(ctx, path.Root("key"), etcdv2.CheckKey, req, resp)
	if resp.Diagnostics.HasError() {
		return
	}
	// Read fills in the attribute that is not null.
	switch form {
	case importText:
		resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("value"), types.StringValue(""))...)
	case importJSON:
		resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("value_json"), newJSONValue("null"))...)
	case importWriteOnly:
		resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("value_wo_version"), types.Int64Value(0))...)
	}
}

// importID returns the id that imports the key into the attribute in use.
func (m *keyModel) importID() string {
	switch {
	case notNull(m.ValueJSON):
		return importJSON + m.Key.ValueString()
	case notNull(m.ValueWOVersion):
		return importWriteOnly + m.Key.ValueString()
	case keyspace.IsJSONDocument(m.Value.ValueString()):
		return importText + m.Key.ValueString()
	default:
		return m.Key.ValueString()
	}
}

// importPath takes the path to import from the id or the identity.
func importPath(
	ctx context.Context, at path.Path, check func(string) error, req resource.ImportStateRequest, resp *resource.ImportStateResponse,
) {
	name := types.StringValue(req.ID)
	if req.ID == "" && req.Identity != nil {
		resp.Diagnostics.Append(req.Identity.GetAttribute(ctx, at, &name)...)
		if resp.Diagnostics.HasError() {
			return
		}
	}
	if err := check(name.ValueString()); err != nil {
		resp.Diagnostics.AddError("Invalid path", "What is to be imported is named by its path, such as /app/config. "+sentence(err))
		return
	}
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, at, name)...)
	setSteering(ctx, &resp.State, &resp.Diagnostics)
}
