package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-log/tflog"
	"github.com/hashicorp/terraform-plugin-log/tfsdklog"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

// traceLog returns a hook for the client that logs each request at the level
// DEBUG, as a curl command without secrets. The client serves many calls, so
// the logger is not that of a call: it is made from the context of Configure,
// and outlives it.
func traceLog(ctx context.Context) func(etcdv2.Exchange) {
	ctx = tfsdklog.NewRootProviderLogger(context.WithoutCancel(ctx),
		tfsdklog.WithLogName("etcd"), tflog.WithLevelFromEnv("TF_LOG_PROVIDER", "etcd"),
		tfsdklog.WithStderrFromInit(), tflog.WithoutLocation())
	return func(e etcdv2.Exchange) {
		fields := map[string]any{"request": e.Curl(), "status": e.Status, "duration_ms": e.Duration.Milliseconds()}
		if e.Err != nil {
			fields["error"] = e.Err.Error()
		}
		tflog.Debug(ctx, "Asked etcd", fields)
	}
}
