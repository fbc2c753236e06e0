package provider

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/function"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

var _ function.Function = permitsFunction{}

func newPermitsFunction() function.Function { return permitsFunction{} }

type permitsFunction struct{}

func (permitsFunction) Metadata(_ context.Context, _ function.MetadataRequest, resp *function.MetadataResponse) {
	resp.Name = "permits"
}

func (permitsFunction) Definition(_ context.Context, _ function.DefinitionRequest, resp *function.DefinitionResponse) {
	resp.Definition = function.Definition{
		Summary: "Reports whether permission patterns cover a key",
		MarkdownDescription: "Returns whether at least one of the patterns covers a key, as servers match them. The patterns are those of " +
			"`kv_read` or `kv_write` of a role.\n\n" +
			"* A `*` at the end of a pattern matches anything, including nothing and including slashes. Any other `*` is an ordinary character.\n" +
			"* `/app/*` covers `/app/db/host`, but not `/app` itself. `/app*` covers both, and also `/apple`.\n" +
			"* A recursive read or delete needs a pattern that ends in `*`, which this function does not check.",
		Parameters: []function.Parameter{
			function.ListParameter{
				Name:                "patterns",
				ElementType:         types.StringType,
				MarkdownDescription: "Patterns, as in `kv_read` and `kv_write` of `etcd_role`. A set is accepted too.",
			},
			function.StringParameter{
				Name:                "key",
				MarkdownDescription: "Full path of a key or directory.",
			},
		},
		Return: function.BoolReturn{},
	}
}

func (permitsFunction) Run(ctx context.Context, req function.RunRequest, resp *function.RunResponse) {
	var patterns []types.String
	var key string
	if resp.Error = req.Arguments.Get(ctx, &patterns, &key); resp.Error != nil {
		return
	}
	texts := make([]string, len(patterns))
	for i, pattern := range patterns {
		if pattern.IsNull() {
			resp.Error = function.NewArgumentFuncError(0, fmt.Sprintf("patterns[%d] is null: leave it out", i))
			return
		}
		texts[i] = pattern.ValueString()
	}
	if err := etcdv2.CheckDir(key); err != nil {
		resp.Error = function.NewArgumentFuncError(1, err.Error())
		return
	}
	resp.Error = resp.Result.Set(ctx, etcdv2.Permits(texts, key))
}
