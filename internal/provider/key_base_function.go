package provider

import (
	"context"
	"path"

	"github.com/hashicorp/terraform-plugin-framework/function"
)

var _ function.Function = keyBaseFunction{}

func newKeyBaseFunction() function.Function { return keyBaseFunction{} }

type keyBaseFunction struct{}

func (keyBaseFunction) Metadata(_ context.Context, _ function.MetadataRequest, resp *function.MetadataResponse) {
	resp.Name = "key_base"
}

func (keyBaseFunction) Definition(_ context.Context, _ function.DefinitionRequest, resp *function.DefinitionResponse) {
	resp.Definition = function.Definition{
		Summary: "Returns the last segment of a key",
		MarkdownDescription: "Returns the last segment of the path of a key or directory: `host` for `/app/db/host`. The root has no " +
			"segments and is an error.",
		Parameters: []function.Parameter{keyParameter()},
		Return:     function.StringReturn{},
	}
}

func (keyBaseFunction) Run(ctx context.Context, req function.RunRequest, resp *function.RunResponse) {
	runKeyFunction(ctx, req, resp, path.Base)
}
