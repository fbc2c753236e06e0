package provider

import (
	"context"
	"errors"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/list"
	"github.com/hashicorp/terraform-plugin-framework/list/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

// What the list resources of the key space share.

const defaultListPrefix = "/"

func listPrefixAttribute() schema.StringAttribute {
	return schema.StringAttribute{
		Optional: true,
		MarkdownDescription: "Path of the directory to list, such as `/app`. Hidden keys and directories below it, whose last segment begins with an " +
			"underscore, are in no listing of a server. A user with restricted rights needs a pattern that ends in `*` for it. Default: `" + defaultListPrefix + "`.",
		Validators: []validator.String{isDir()},
	}
}

func listRecursiveAttribute(what string) schema.BoolAttribute {
	return schema.BoolAttribute{
		Optional:            true,
		MarkdownDescription: "Also list the " + what + " of directories below, at any depth. Default: `true`.",
	}
}

// readTree reads a directory and what is in it, sorted by path.
func (b *base) readTree(ctx context.Context, dir string, recursive bool, diags *diag.Diagnostics) *etcdv2.Node {
	client := b.client(diags)
	if client == nil {
		return nil
	}
	found, err := client.Keys.List(ctx, dir, etcdv2.GetOptions{Recursive: recursive})
	if err != nil {
		addTreeFailure(diags, dir, "", err)
		return nil
	}
	return found.Node
}

// addTreeFailure reports why a directory could not be listed.
func addTreeFailure(diags *diag.Diagnostics, dir, advice string, err error) {
	switch {
	case errors.Is(err, etcdv2.ErrNotFound):
		diags.AddError("Directory not found", dir+" does not exist."+advice)
	case errors.Is(err, etcdv2.ErrNotDir):
		diags.AddError("Directory is a key", "There is a key at "+dir+"; read it with the data source etcd_key.")
	default:
		addFailure(diags, "Unable to read keys", dir, err)
	}
}

// listed is what a list resource tells of one object.
type listed struct {
	name     string
	identity any
	model    any
	// diags are what there is to say of the object. Without an identity they
	// are all that is told of it.
	diags diag.Diagnostics
}

func (o *listed) result(ctx context.Context, req list.ListRequest) list.ListResult {
	if o.identity == nil {
		return list.ListResult{Diagnostics: o.diags}
	}
	result := req.NewListResult(ctx)
	result.DisplayName = o.name
	result.Diagnostics.Append(o.diags...)
	result.Diagnostics.Append(result.Identity.Set(ctx, o.identity)...)
	if req.IncludeResource {
		state := tfsdk.State{Schema: result.Resource.Schema, Raw: result.Resource.Raw}
		result.Diagnostics.Append(state.Set(ctx, o.model)...)
		setSteering(ctx, &state, &result.Diagnostics)
		result.Resource.Raw = state.Raw
	}
	return result
}

// listEach streams objects, as many as are wanted, up to the first error. An
// object of which nothing is told is passed over. Each is described when it is
// asked for, so that those beyond the limit cost no request.
func listEach[T any](ctx context.Context, req list.ListRequest, stream *list.ListResultsStream, objects []T, describe func(T) listed) {
	stream.Results = func(push func(list.ListResult) bool) {
		left := req.Limit
		for _, object := range objects {
			if left <= 0 {
				return
			}
			told := describe(object)
			if told.identity == nil && len(told.diags) == 0 {
				continue
			}
			result := told.result(ctx, req)
			if !push(result) || result.Diagnostics.HasError() {
				return
			}
			if told.identity != nil {
				left--
			}
		}
	}
}

// leftOut is what is told of an object whose name its resource refuses.
func leftOut(noun, name, typeName string, err error) listed {
	var o listed
	o.diags.AddWarning(noun+" is left out", fmt.Sprintf("%q is on the server, and cannot be managed with %s: %s", name, typeName, sentence(err)))
	return o
}
