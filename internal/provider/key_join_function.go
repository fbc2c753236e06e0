package provider

import (
	"context"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/function"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

var _ function.Function = keyJoinFunction{}

func newKeyJoinFunction() function.Function { return keyJoinFunction{} }

type keyJoinFunction struct{}

func (keyJoinFunction) Metadata(_ context.Context, _ function.MetadataRequest, resp *function.MetadataResponse) {
	resp.Name = "key_join"
}

func (keyJoinFunction) Definition(_ context.Context, _ function.DefinitionRequest, resp *function.DefinitionResponse) {
	resp.Definition = function.Definition{
		Summary: "Joins parts of a path into a key",
		MarkdownDescription: "Joins its arguments into the full path of a key, with a leading slash and one slash between two parts. A part " +
			"may contain several segments, and may start or end with a slash. It is an error if a part is empty, or if a server would store the " +
			"path under another name, as with the segment `..`. `/` is the root and adds nothing.",
		VariadicParameter: function.StringParameter{
			Name:                "parts",
			MarkdownDescription: "Parts of the path, at least one, such as `\"/app\", \"db/primary\", \"host\"`.",
		},
		Return: function.StringReturn{},
	}
}

func (keyJoinFunction) Run(ctx context.Context, req function.RunRequest, resp *function.RunResponse) {
	var parts []string
	if resp.Error = req.Arguments.Get(ctx, &parts); resp.Error != nil {
		return
	}
	key, funcErr := joinKey(parts)
	if resp.Error = funcErr; resp.Error != nil {
		return
	}
	resp.Error = resp.Result.Set(ctx, key)
}

// joinKey joins parts into a key. One slash at either end of a part is the
// joint; a second one would be an empty segment.
func joinKey(parts []string) (string, *function.FuncError) {
	if len(parts) == 0 {
		return "", function.NewFuncError("at least one part of a path is needed")
	}
	var key strings.Builder
	for i, part := range parts {
		if part == "/" {
			continue
		}
		part = strings.TrimSuffix(strings.TrimPrefix(part, "/"), "/")
		if part == "" {
			return "", function.NewArgumentFuncError(int64(i), "a part of a path cannot be empty")
		}
		if err := etcdv2.CheckKey("/" + part); err != nil {
			return "", function.NewArgumentFuncError(int64(i), err.Error())
		}
		key.WriteString("/" + part)
	}
	if key.Len() == 0 {
		return "/", nil
	}
	return key.String(), nil
}
