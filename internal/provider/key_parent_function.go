package provider

import (
	"context"
	"path"

	"github.com/hashicorp/terraform-plugin-framework/function"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

var _ function.Function = keyParentFunction{}

func newKeyParentFunction() function.Function { return keyParentFunction{} }

type keyParentFunction struct{}

func (keyParentFunction) Metadata(_ context.Context, _ function.MetadataRequest, resp *function.MetadataResponse) {
	resp.Name = "key_parent"
}

func (keyParentFunction) Definition(_ context.Context, _ function.DefinitionRequest, resp *function.DefinitionResponse) {
	resp.Definition = function.Definition{
		Summary: "Returns the directory of a key",
		MarkdownDescription: "Returns the directory that contains a key or directory: `/app/db` for `/app/db/host`, and `/` for `/app`. The " +
			"root has no parent and is an error.",
		Parameters: []function.Parameter{keyParameter()},
		Return:     function.StringReturn{},
	}
}

func (keyParentFunction) Run(ctx context.Context, req function.RunRequest, resp *function.RunResponse) {
	runKeyFunction(ctx, req, resp, path.Dir)
}

// keyParameter is the parameter of a function that takes a key apart.
func keyParameter() function.Parameter {
	return function.StringParameter{
		Name:                "key",
		MarkdownDescription: "Full path of a key or directory, such as `/app/db/host`.",
	}
}

// runKeyFunction answers with a part of the key that is the only argument.
func runKeyFunction(ctx context.Context, req function.RunRequest, resp *function.RunResponse, part func(string) string) {
	var key string
	if resp.Error = req.Arguments.Get(ctx, &key); resp.Error != nil {
		return
	}
	if key == "/" {
		resp.Error = function.NewArgumentFuncError(0, "the root is in no directory and has no name")
		return
	}
	if err := etcdv2.CheckKey(key); err != nil {
		resp.Error = function.NewArgumentFuncError(0, err.Error())
		return
	}
	resp.Error = resp.Result.Set(ctx, part(key))
}
