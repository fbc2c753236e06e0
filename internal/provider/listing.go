package provider

import (
	"context"
	"errors"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/list"
	"github.com/hashicorp/terraform-plugin-framework/list/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"

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
}

// listNodes streams nodes, as many as are wanted.
func listNodes(ctx context.Context, req list.ListRequest, stream *list.ListResultsStream, nodes []*etcdv2.Node, describe func(*etcdv2.Node) listed) {
	stream.Results = func(push func(list.ListResult) bool) {
		for i, node := range nodes {
			if int64(i) >= req.Limit {
				return
			}
			object := describe(node)
			result := req.NewListResult(ctx)
			result.DisplayName = object.name
			result.Diagnostics.Append(result.Identity.Set(ctx, object.identity)...)
			if req.IncludeResource {
				result.Diagnostics.Append(result.Resource.Set(ctx, object.model)...)
			}
			if !push(result) {
				return
			}
		}
	}
}
