package tfserver

import (
	"context"
	"errors"
	"maps"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	datasourceschema "github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	frameworkprovider "github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/etcdv2/terraform-provider-etcd/internal/provider"
)

func TestQuietLogs(t *testing.T) {
	t.Parallel()

	off := map[string]string{"TF_LOG_SDK": "OFF", "TF_LOG_SDK_FRAMEWORK": "OFF", "TF_LOG_SDK_PROTO": "OFF"}
	for name, test := range map[string]struct{ env, want map[string]string }{
		"no variable is set":                 {nil, off},
		"core alone":                         {map[string]string{"TF_LOG_CORE": "TRACE"}, off},
		"off is not a request":               {map[string]string{"TF_LOG": "off"}, off},
		"everything":                         {map[string]string{"TF_LOG": "TRACE"}, nil},
		"providers":                          {map[string]string{"TF_LOG_PROVIDER": "DEBUG"}, nil},
		"this provider":                      {map[string]string{"TF_LOG_PROVIDER_ETCD": "DEBUG"}, nil},
		"the SDK":                            {map[string]string{"TF_LOG_SDK": "TRACE"}, nil},
		"a part of the SDK":                  {map[string]string{"TF_LOG_SDK_PROTO": "WARN"}, nil},
		"a part of the SDK, the rest is off": {map[string]string{"TF_LOG": "OFF", "TF_LOG_SDK_FRAMEWORK": "INFO"}, nil},
		"an empty variable":                  {map[string]string{"TF_LOG": ""}, off},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := map[string]string{}
			lookup := func(name string) (value string, ok bool) {
				value, ok = test.env[name]
				return value, ok
			}
			err := QuietLogs(lookup, func(name, value string) error {
				got[name] = value
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if !maps.Equal(got, test.want) {
				t.Errorf("QuietLogs() set %v, want %v", got, test.want)
			}
		})
	}
}

// A call that the wrapper passed on unchanged would keep its context.
func TestServer_wrapsEveryCall(t *testing.T) {
	t.Parallel()

	typ := reflect.TypeFor[*server]()
	promoted := []string{}
	for method := range typ.Methods() {
		file, _ := runtime.FuncForPC(method.Func.Pointer()).FileLine(method.Func.Pointer())
		if !strings.HasSuffix(file, "calls.go") {
			promoted = append(promoted, method.Name)
		}
	}
	if len(promoted) > 0 {
		t.Errorf("calls that the wrapper does not implement = %v, want none", promoted)
	}
}

func TestServer_keepsOptionalInterfaces(t *testing.T) {
	t.Parallel()

	s := New(provider.New("test", false))
	if _, ok := s.(*server); !ok {
		t.Fatalf("New() = %T: the framework's server lacks one of the expected interfaces", s)
	}
	if _, ok := s.(tfprotov6.ListResourceServer); !ok {
		t.Error("the server has no list resources")
	}
	if _, ok := s.(tfprotov6.ActionServer); !ok {
		t.Error("the server has no actions")
	}
	if _, ok := s.(tfprotov6.StateStoreServer); !ok {
		t.Error("the server has no state stores")
	}
}

type ballast struct{ _ [1 << 16]byte }

type ballastKey struct{}

func TestServer_letsGoOfContexts(t *testing.T) {
	t.Parallel()

	const calls = 50
	s := New(provider.New("test", false))
	var freed sync.WaitGroup
	for range calls {
		freed.Add(1)
		func() {
			load := &ballast{}
			runtime.AddCleanup(load, func(struct{}) { freed.Done() }, struct{}{})
			ctx := context.WithValue(t.Context(), ballastKey{}, load)
			if _, err := s.GetMetadata(ctx, &tfprotov6.GetMetadataRequest{}); err != nil {
				t.Fatal(err)
			}
		}()
	}
	done := make(chan struct{})
	go func() { freed.Wait(); close(done) }()
	for {
		runtime.GC()
		select {
		case <-done:
			runtime.KeepAlive(s)
			return
		case <-t.Context().Done():
			t.Fatal("the server still refers to the contexts of calls that have returned")
		default:
			runtime.Gosched()
		}
	}
}

// waitProvider has a data source whose read lasts until its context ends.
type waitProvider struct {
	frameworkprovider.Provider
	started chan struct{}
}

func (p *waitProvider) DataSources(context.Context) []func() datasource.DataSource {
	return []func() datasource.DataSource{func() datasource.DataSource { return &waitDataSource{p.started} }}
}

func (p *waitProvider) Resources(context.Context) []func() resource.Resource { return nil }

type waitDataSource struct{ started chan struct{} }

func (d *waitDataSource) Metadata(_ context.Context, _ datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = "etcd_wait"
}

func (d *waitDataSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	resp.Schema = datasourceschema.Schema{}
}

func (d *waitDataSource) Read(ctx context.Context, _ datasource.ReadRequest, resp *datasource.ReadResponse) {
	d.started <- struct{}{}
	<-ctx.Done()
	resp.Diagnostics.AddError("Ended", ctx.Err().Error())
}

func newWaitServer(t *testing.T) (tfprotov6.ProviderServer, chan struct{}) {
	t.Helper()
	started := make(chan struct{})
	inner, ok := providerserver.NewProtocol6(&waitProvider{provider.New("test", false), started})().(frameworkServer)
	if !ok {
		t.Fatal("the framework's server lacks an interface")
	}
	return &server{frameworkServer: inner}, started
}

func readWait(ctx context.Context, s tfprotov6.ProviderServer) error {
	empty := tftypes.Object{AttributeTypes: map[string]tftypes.Type{}}
	config, err := tfprotov6.NewDynamicValue(empty, tftypes.NewValue(empty, map[string]tftypes.Value{}))
	if err != nil {
		return err
	}
	resp, err := s.ReadDataSource(ctx, &tfprotov6.ReadDataSourceRequest{TypeName: "etcd_wait", Config: &config})
	if err != nil {
		return err
	}
	if len(resp.Diagnostics) != 1 || resp.Diagnostics[0].Summary != "Ended" {
		return errors.New("the read did not end with its context")
	}
	return nil
}

func TestServer_stopEndsCallsInFlight(t *testing.T) {
	t.Parallel()

	s, started := newWaitServer(t)
	const calls = 20
	results := make(chan error, calls)
	for range calls {
		go func() { results <- readWait(t.Context(), s) }()
	}
	for range calls {
		<-started
	}
	if _, err := s.StopProvider(t.Context(), &tfprotov6.StopProviderRequest{}); err != nil {
		t.Fatal(err)
	}
	for range calls {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
}

func TestServer_callsEndWithTheirOwnContext(t *testing.T) {
	t.Parallel()

	s, started := newWaitServer(t)
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error, 1)
	go func() { result <- readWait(ctx, s) }()
	<-started
	cancel()
	if err := <-result; err != nil {
		t.Error(err)
	}
}

func TestServer_stopWhileCallsReturn(t *testing.T) {
	t.Parallel()

	s := New(provider.New("test", false))
	var calls sync.WaitGroup
	for range 8 {
		calls.Go(func() {
			for range 50 {
				if _, err := s.GetMetadata(t.Context(), &tfprotov6.GetMetadataRequest{}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range 50 {
		if _, err := s.StopProvider(t.Context(), &tfprotov6.StopProviderRequest{}); err != nil {
			t.Error(err)
		}
	}
	calls.Wait()
}

func TestCallContext(t *testing.T) {
	t.Parallel()

	parent, cancel := context.WithCancel(context.WithValue(t.Context(), ballastKey{}, "kept"))
	ctx, release := newCallContext(parent)
	child, cancelChild := context.WithCancel(ctx)
	defer cancelChild()
	if got := child.Value(ballastKey{}); got != "kept" {
		t.Errorf("Value() = %v during the call, want the value of the parent", got)
	}
	cancel()
	<-child.Done()
	if err := child.Err(); !errors.Is(err, context.Canceled) {
		t.Errorf("Err() = %v after the parent was canceled, want %v", err, context.Canceled)
	}
	release()
	if got := child.Value(ballastKey{}); got != nil {
		t.Errorf("Value() = %v after the call, want nil", got)
	}
}

func TestStream_keepsTheContextUntilItIsRead(t *testing.T) {
	t.Parallel()

	s := New(provider.New("test", false))
	inner, ok := s.(*server)
	if !ok {
		t.Fatalf("New() = %T", s)
	}
	var seen context.Context //nolint:containedctx // the test inspects it after the call
	resp, err := stream(t.Context(), &tfprotov6.ListResourceRequest{TypeName: "etcd_none"},
		func(ctx context.Context, req *tfprotov6.ListResourceRequest) (*tfprotov6.ListResourceServerStream, error) {
			seen = ctx
			return inner.frameworkServer.ListResource(ctx, req)
		},
		listResults)
	if err != nil {
		t.Fatal(err)
	}
	if seen.Err() != nil {
		t.Error("the context ended before the results were read")
	}
	var summaries []string
	for result := range resp.Results {
		for _, d := range result.Diagnostics {
			summaries = append(summaries, d.Summary)
		}
	}
	if diff := cmp.Diff([]string{"List Resource Type Not Found"}, summaries); diff != "" {
		t.Errorf("results (-want +got):\n%s", diff)
	}
	if seen.Err() == nil {
		t.Error("the context outlives the results")
	}
}

// BenchmarkServer_retained reports how much memory a call retains.
func BenchmarkServer_retained(b *testing.B) {
	for _, test := range []struct {
		name string
		make func() tfprotov6.ProviderServer
	}{
		{"wrapped", func() tfprotov6.ProviderServer { return New(provider.New("test", false)) }},
		{"framework alone", providerserver.NewProtocol6(provider.New("test", false))},
	} {
		b.Run(test.name, func(b *testing.B) {
			s := test.make()
			before := heap()
			for b.Loop() {
				ctx, cancel := context.WithCancel(context.WithValue(b.Context(), ballastKey{}, &ballast{}))
				if _, err := s.GetMetadata(ctx, &tfprotov6.GetMetadataRequest{}); err != nil {
					b.Fatal(err)
				}
				cancel()
			}
			b.ReportMetric(float64(heap()-before)/float64(b.N), "held-B/op")
			runtime.KeepAlive(s)
		})
	}
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
