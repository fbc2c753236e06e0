package tfserver

import (
	"context"
	"iter"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
)

// The calls of the protocol. All except StopProvider go through call or stream.

// StopProvider ends the calls in flight: the framework ends those that it knows, and the
// server those in the lane.
func (s *server) StopProvider(ctx context.Context, req *tfprotov6.StopProviderRequest) (*tfprotov6.StopProviderResponse, error) {
	s.stops.stop()
	return s.frameworkServer.StopProvider(ctx, req)
}

func (s *server) GetMetadata(ctx context.Context, req *tfprotov6.GetMetadataRequest) (*tfprotov6.GetMetadataResponse, error) {
	return call(ctx, req, s.frameworkServer.GetMetadata)
}

func (s *server) GetProviderSchema(
	ctx context.Context, req *tfprotov6.GetProviderSchemaRequest,
) (*tfprotov6.GetProviderSchemaResponse, error) {
	resp, err := call(ctx, req, s.frameworkServer.GetProviderSchema)
	if err == nil && resp.ServerCapabilities != nil {
		// The framework has this capability, but does not announce it, and would never be asked.
		resp.ServerCapabilities.GenerateResourceConfig = true
	}
	return resp, err
}

func (s *server) GetResourceIdentitySchemas(
	ctx context.Context, req *tfprotov6.GetResourceIdentitySchemasRequest,
) (*tfprotov6.GetResourceIdentitySchemasResponse, error) {
	return call(ctx, req, s.frameworkServer.GetResourceIdentitySchemas)
}

func (s *server) ValidateProviderConfig(
	ctx context.Context, req *tfprotov6.ValidateProviderConfigRequest,
) (*tfprotov6.ValidateProviderConfigResponse, error) {
	resp, err := call(ctx, req, s.frameworkServer.ValidateProviderConfig)
	if err == nil {
		resp.Diagnostics = s.learn(ctx).configs.provider.check(req.Config, resp.Diagnostics)
	}
	return resp, err
}

func (s *server) ConfigureProvider(
	ctx context.Context, req *tfprotov6.ConfigureProviderRequest,
) (*tfprotov6.ConfigureProviderResponse, error) {
	s.advice.reset()
	return call(ctx, req, s.frameworkServer.ConfigureProvider)
}

func (s *server) ValidateResourceConfig(
	ctx context.Context, req *tfprotov6.ValidateResourceConfigRequest,
) (*tfprotov6.ValidateResourceConfigResponse, error) {
	if resp := s.learn(ctx).lane.Validate(req); resp != nil {
		return resp, nil
	}
	resp, err := call(ctx, req, s.frameworkServer.ValidateResourceConfig)
	if err == nil {
		resp.Diagnostics = s.learn(ctx).configs.resources[req.TypeName].check(req.Config, resp.Diagnostics)
	}
	return resp, err
}

func (s *server) UpgradeResourceState(
	ctx context.Context, req *tfprotov6.UpgradeResourceStateRequest,
) (*tfprotov6.UpgradeResourceStateResponse, error) {
	if resp := s.learn(ctx).lane.Upgrade(req); resp != nil {
		return resp, nil
	}
	return call(ctx, req, s.frameworkServer.UpgradeResourceState)
}

func (s *server) ReadResource(ctx context.Context, req *tfprotov6.ReadResourceRequest) (*tfprotov6.ReadResourceResponse, error) {
	return call(ctx, req, func(ctx context.Context, req *tfprotov6.ReadResourceRequest) (*tfprotov6.ReadResourceResponse, error) {
		ctx, release := s.stops.context(ctx)
		defer release()
		ctx, resp := s.learn(ctx).lane.Read(ctx, req)
		if resp != nil {
			return resp, nil
		}
		resp, err := s.frameworkServer.ReadResource(ctx, req)
		if err == nil {
			s.advice.shorten(resp.Diagnostics)
		}
		return resp, err
	})
}

func (s *server) PlanResourceChange(
	ctx context.Context, req *tfprotov6.PlanResourceChangeRequest,
) (*tfprotov6.PlanResourceChangeResponse, error) {
	if resp := s.learn(ctx).lane.Plan(ctx, req); resp != nil {
		return resp, nil
	}
	resp, err := call(ctx, req, s.frameworkServer.PlanResourceChange)
	if err == nil {
		s.advice.shorten(resp.Diagnostics)
	}
	return resp, err
}

func (s *server) ApplyResourceChange(
	ctx context.Context, req *tfprotov6.ApplyResourceChangeRequest,
) (*tfprotov6.ApplyResourceChangeResponse, error) {
	resp, err := call(ctx, req, s.frameworkServer.ApplyResourceChange)
	if err == nil {
		s.advice.shorten(resp.Diagnostics)
	}
	return resp, err
}

func (s *server) ImportResourceState(
	ctx context.Context, req *tfprotov6.ImportResourceStateRequest,
) (*tfprotov6.ImportResourceStateResponse, error) {
	resp, err := call(ctx, req, s.frameworkServer.ImportResourceState)
	if err == nil {
		s.advice.shorten(resp.Diagnostics)
	}
	return resp, err
}

func (s *server) MoveResourceState(
	ctx context.Context, req *tfprotov6.MoveResourceStateRequest,
) (*tfprotov6.MoveResourceStateResponse, error) {
	return call(ctx, req, s.frameworkServer.MoveResourceState)
}

func (s *server) UpgradeResourceIdentity(
	ctx context.Context, req *tfprotov6.UpgradeResourceIdentityRequest,
) (*tfprotov6.UpgradeResourceIdentityResponse, error) {
	return call(ctx, req, s.frameworkServer.UpgradeResourceIdentity)
}

func (s *server) GenerateResourceConfig(
	ctx context.Context, req *tfprotov6.GenerateResourceConfigRequest,
) (*tfprotov6.GenerateResourceConfigResponse, error) {
	resp, err := call(ctx, req, s.frameworkServer.GenerateResourceConfig)
	if p, ok := s.provider.(ProviderWithGeneratedConfig); ok && err == nil {
		err = p.FixGeneratedConfig(ctx, req, resp)
	}
	return resp, err
}

func (s *server) ValidateDataResourceConfig(
	ctx context.Context, req *tfprotov6.ValidateDataResourceConfigRequest,
) (*tfprotov6.ValidateDataResourceConfigResponse, error) {
	resp, err := call(ctx, req, s.frameworkServer.ValidateDataResourceConfig)
	if err == nil {
		resp.Diagnostics = s.learn(ctx).configs.dataSources[req.TypeName].check(req.Config, resp.Diagnostics)
	}
	return resp, err
}

func (s *server) ReadDataSource(ctx context.Context, req *tfprotov6.ReadDataSourceRequest) (*tfprotov6.ReadDataSourceResponse, error) {
	resp, err := call(ctx, req, s.frameworkServer.ReadDataSource)
	if err == nil {
		s.advice.shorten(resp.Diagnostics)
	}
	return resp, err
}

func (s *server) CallFunction(ctx context.Context, req *tfprotov6.CallFunctionRequest) (*tfprotov6.CallFunctionResponse, error) {
	return call(ctx, req, s.frameworkServer.CallFunction)
}

func (s *server) GetFunctions(ctx context.Context, req *tfprotov6.GetFunctionsRequest) (*tfprotov6.GetFunctionsResponse, error) {
	return call(ctx, req, s.frameworkServer.GetFunctions)
}

func (s *server) ValidateEphemeralResourceConfig(
	ctx context.Context, req *tfprotov6.ValidateEphemeralResourceConfigRequest,
) (*tfprotov6.ValidateEphemeralResourceConfigResponse, error) {
	resp, err := call(ctx, req, s.frameworkServer.ValidateEphemeralResourceConfig)
	if err == nil {
		resp.Diagnostics = s.learn(ctx).configs.ephemeralResources[req.TypeName].check(req.Config, resp.Diagnostics)
	}
	return resp, err
}

func (s *server) OpenEphemeralResource(
	ctx context.Context, req *tfprotov6.OpenEphemeralResourceRequest,
) (*tfprotov6.OpenEphemeralResourceResponse, error) {
	resp, err := call(ctx, req, s.frameworkServer.OpenEphemeralResource)
	if err == nil {
		s.advice.shorten(resp.Diagnostics)
	}
	return resp, err
}

func (s *server) RenewEphemeralResource(
	ctx context.Context, req *tfprotov6.RenewEphemeralResourceRequest,
) (*tfprotov6.RenewEphemeralResourceResponse, error) {
	return call(ctx, req, s.frameworkServer.RenewEphemeralResource)
}

func (s *server) CloseEphemeralResource(
	ctx context.Context, req *tfprotov6.CloseEphemeralResourceRequest,
) (*tfprotov6.CloseEphemeralResourceResponse, error) {
	return call(ctx, req, s.frameworkServer.CloseEphemeralResource)
}

func (s *server) ValidateListResourceConfig(
	ctx context.Context, req *tfprotov6.ValidateListResourceConfigRequest,
) (*tfprotov6.ValidateListResourceConfigResponse, error) {
	resp, err := call(ctx, req, s.frameworkServer.ValidateListResourceConfig)
	if err == nil {
		resp.Diagnostics = s.learn(ctx).configs.listResources[req.TypeName].check(req.Config, resp.Diagnostics)
	}
	return resp, err
}

func (s *server) ValidateActionConfig(
	ctx context.Context, req *tfprotov6.ValidateActionConfigRequest,
) (*tfprotov6.ValidateActionConfigResponse, error) {
	resp, err := call(ctx, req, s.frameworkServer.ValidateActionConfig)
	if err == nil {
		resp.Diagnostics = s.learn(ctx).configs.actions[req.ActionType].check(req.Config, resp.Diagnostics)
	}
	return resp, err
}

func (s *server) PlanAction(ctx context.Context, req *tfprotov6.PlanActionRequest) (*tfprotov6.PlanActionResponse, error) {
	resp, err := call(ctx, req, s.frameworkServer.PlanAction)
	if err == nil {
		resp.Diagnostics = s.learn(ctx).configs.actions[req.ActionType].check(req.Config, resp.Diagnostics)
	}
	return resp, err
}

func (s *server) ValidateStateStoreConfig(
	ctx context.Context, req *tfprotov6.ValidateStateStoreConfigRequest,
) (*tfprotov6.ValidateStateStoreConfigResponse, error) {
	return call(ctx, req, s.frameworkServer.ValidateStateStoreConfig)
}

func (s *server) ConfigureStateStore(
	ctx context.Context, req *tfprotov6.ConfigureStateStoreRequest,
) (*tfprotov6.ConfigureStateStoreResponse, error) {
	return call(ctx, req, s.frameworkServer.ConfigureStateStore)
}

func (s *server) GetStates(ctx context.Context, req *tfprotov6.GetStatesRequest) (*tfprotov6.GetStatesResponse, error) {
	return call(ctx, req, s.frameworkServer.GetStates)
}

func (s *server) DeleteState(ctx context.Context, req *tfprotov6.DeleteStateRequest) (*tfprotov6.DeleteStateResponse, error) {
	return call(ctx, req, s.frameworkServer.DeleteState)
}

func (s *server) LockState(ctx context.Context, req *tfprotov6.LockStateRequest) (*tfprotov6.LockStateResponse, error) {
	return call(ctx, req, s.frameworkServer.LockState)
}

func (s *server) UnlockState(ctx context.Context, req *tfprotov6.UnlockStateRequest) (*tfprotov6.UnlockStateResponse, error) {
	return call(ctx, req, s.frameworkServer.UnlockState)
}

func (s *server) ListResource(ctx context.Context, req *tfprotov6.ListResourceRequest) (*tfprotov6.ListResourceServerStream, error) {
	return stream(ctx, req, s.frameworkServer.ListResource, listResults)
}

func (s *server) InvokeAction(ctx context.Context, req *tfprotov6.InvokeActionRequest) (*tfprotov6.InvokeActionServerStream, error) {
	// A CLI does not validate again the values that were unknown when it planned.
	if found := s.learn(ctx).configs.actions[req.ActionType].check(req.Config, nil); len(found) > 0 {
		return &tfprotov6.InvokeActionServerStream{Events: func(push func(tfprotov6.InvokeActionEvent) bool) {
			push(tfprotov6.InvokeActionEvent{Type: tfprotov6.CompletedInvokeActionEventType{Diagnostics: found}})
		}}, nil
	}
	return stream(
		ctx, req, s.frameworkServer.InvokeAction, func(r *tfprotov6.InvokeActionServerStream) *iter.Seq[tfprotov6.InvokeActionEvent] {
			return &r.Events
		},
	)
}

func (s *server) ReadStateBytes(ctx context.Context, req *tfprotov6.ReadStateBytesRequest) (*tfprotov6.ReadStateBytesStream, error) {
	return stream(ctx, req, s.frameworkServer.ReadStateBytes, func(r *tfprotov6.ReadStateBytesStream) *iter.Seq[tfprotov6.ReadStateByteChunk] {
		return &r.Chunks
	})
}

func (s *server) WriteStateBytes(ctx context.Context, req *tfprotov6.WriteStateBytesStream) (*tfprotov6.WriteStateBytesResponse, error) {
	return call(ctx, req, s.frameworkServer.WriteStateBytes)
}

func listResults(r *tfprotov6.ListResourceServerStream) *iter.Seq[tfprotov6.ListResourceResult] {
	return &r.Results
}
