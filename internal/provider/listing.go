package provider

import (
	"context"
	"errors"
	"fmt"
	"slices"

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
		MarkdownDescription: "Path of the directory to list, such as `/app`. Hidden keys and directories, whose last segment starts with an " +
			"underscore, do not appear in any listing. A user with restricted rights needs a pattern that ends in `*` for the directory. " +
			"Default: `" + defaultListPrefix + "`.",
		Validators: []validator.String{isDir()},
	}
}

func listRecursiveAttribute(what string) schema.BoolAttribute {
	return schema.BoolAttribute{
		Optional:            true,
		MarkdownDescription: "Also list the " + what + " in subdirectories, at any depth. Default: `true`.",
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
		addDirIsKey(diags, dir)
	default:
		addFailure(diags, "Unable to read keys", dir, err)
	}
}

// listed is what a list resource returns for one object.
type listed struct {
	name     string
	identity any
	model    any
	// diags are the diagnostics about the object. Without an identity, only they are
	// returned for it.
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

// listing is the result of a list resource.
type listing[T any] struct {
	// noun names the objects in the plural, such as "keys", and typeName is the
	// resource that manages them.
	noun, typeName string
	objects        []T
	// refuse returns the name of an object and why the resource cannot manage
	// it, nil if it can.
	refuse func(T) (name string, err error)
	// describe is called when an object is asked for, so that those beyond the
	// limit cost no request. Its answer has no identity for one that is gone.
	describe func(T) listed
	// warnings are what there is to say before the first object.
	warnings diag.Diagnostics
}

// send streams the objects, as many as are wanted, up to the first error. What
// is not among them is named first: a CLI stops reading at the limit.
func (l listing[T]) send(ctx context.Context, req list.ListRequest, stream *list.ListResultsStream) {
	var able []T
	var refused []string
	for _, object := range l.objects {
		if name, err := l.refuse(object); err != nil {
			refused = append(refused, fmt.Sprintf("%q: %s", name, sentence(err)))
			continue
		}
		able = append(able, object)
	}
	warnings := slices.Concat(l.warnings, l.missing(refused, len(able), req.Limit))
	stream.Results = func(push func(list.ListResult) bool) {
		if len(warnings) > 0 && !push(list.ListResult{Diagnostics: warnings}) {
			return
		}
		left := req.Limit
		for _, object := range able {
			if left <= 0 {
				return
			}
			described := l.describe(object)
			if described.identity == nil && len(described.diags) == 0 {
				continue
			}
			result := described.result(ctx, req)
			if !push(result) || result.Diagnostics.HasError() {
				return
			}
			if described.identity != nil {
				left--
			}
		}
	}
}

// missing warns of objects that cannot be managed, and of those beyond the limit.
func (l listing[T]) missing(refused []string, able int, limit int64) diag.Diagnostics {
	var diags diag.Diagnostics
	if len(refused) > 0 {
		diags.AddWarning("Some "+l.noun+" are left out", "These are on the server, and "+l.typeName+" cannot manage them:\n\n"+enumerate(refused))
	}
	if int64(able) > limit {
		diags.AddWarning("The list is cut at its limit", fmt.Sprintf(
			"There are %d %s, and only the first %d are listed. The limit is 100 unless the list block sets it: set limit = %d or more to list "+
				"them all.",
			able, l.noun, limit, able))
	}
	return diags
}

// addDirIsKey reports that a directory that is to be read is a key, or below one.
func addDirIsKey(diags *diag.Diagnostics, dir string) {
	diags.AddError("Directory is a key", "There is a key at "+dir+", or above it. Read a key with the data source etcd_key.")
}
