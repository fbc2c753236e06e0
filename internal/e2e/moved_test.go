package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/go-plugin"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6/tf6server"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/etcdv2/terraform-provider-etcd/internal/cli"
	"github.com/etcdv2/terraform-provider-etcd/internal/cli/clitest"
	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
)

// oldSchemas serves the schemas of the provider whose resources are moved. A CLI loads them
// because its state names that provider, and calls nothing else: any other call would end
// the test with a nil pointer.
type oldSchemas struct{ tfprotov6.ProviderServer }

func (oldSchemas) GetMetadata(context.Context, *tfprotov6.GetMetadataRequest) (*tfprotov6.GetMetadataResponse, error) {
	return &tfprotov6.GetMetadataResponse{}, nil
}

func (oldSchemas) GetResourceIdentitySchemas(
	context.Context, *tfprotov6.GetResourceIdentitySchemasRequest,
) (*tfprotov6.GetResourceIdentitySchemasResponse, error) {
	return &tfprotov6.GetResourceIdentitySchemasResponse{}, nil
}

func (oldSchemas) StopProvider(context.Context, *tfprotov6.StopProviderRequest) (*tfprotov6.StopProviderResponse, error) {
	return &tfprotov6.StopProviderResponse{}, nil
}

func (oldSchemas) GetProviderSchema(context.Context, *tfprotov6.GetProviderSchemaRequest) (*tfprotov6.GetProviderSchemaResponse, error) {
	attribute := func(name string, typ tftypes.Type) *tfprotov6.SchemaAttribute {
		return &tfprotov6.SchemaAttribute{Name: name, Type: typ, Optional: true, Computed: true}
	}
	schema := func(attributes ...*tfprotov6.SchemaAttribute) *tfprotov6.Schema {
		return &tfprotov6.Schema{Block: &tfprotov6.SchemaBlock{Attributes: append(attributes, attribute("id", tftypes.String))}}
	}
	permission := tftypes.Object{
		AttributeTypes: map[string]tftypes.Type{"key_path": tftypes.String, "read": tftypes.Bool, "write": tftypes.Bool},
	}
	return &tfprotov6.GetProviderSchemaResponse{
		Provider: &tfprotov6.Schema{Block: &tfprotov6.SchemaBlock{}},
		ResourceSchemas: map[string]*tfprotov6.Schema{
			"etcdv2_keyvalue": schema(
				attribute("key", tftypes.String), attribute("value", tftypes.String), attribute("modified_index", tftypes.Number),
			),
			"etcdv2_user": schema(
				attribute("username", tftypes.String), attribute("password", tftypes.String),
				attribute("roles", tftypes.List{ElementType: tftypes.String}),
			),
			"etcdv2_role": schema(attribute("name", tftypes.String), attribute("permissions", tftypes.List{ElementType: permission})),
		},
	}, nil
}

// serveOldSchemas serves oldSchemas as the provider with the address, and adds that provider to
// the value of TF_REATTACH_PROVIDERS.
func serveOldSchemas(t *testing.T, address, reattach string) string {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	config, closed := make(chan *plugin.ReattachConfig), make(chan struct{})
	ended := make(chan error, 1)
	go func() {
		ended <- tf6server.Serve(address, func() tfprotov6.ProviderServer { return oldSchemas{} },
			tf6server.WithDebug(ctx, config, closed), tf6server.WithoutLogStderrOverride())
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	at := <-config
	old, err := json.Marshal(map[string]any{
		"Protocol": at.Protocol, "ProtocolVersion": 6, "Pid": at.Pid, "Test": true,
		"Addr": map[string]string{"Network": at.Addr.Network(), "String": at.Addr.String()},
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Replace(reattach, "={", fmt.Sprintf("={%q:%s,", address, old), 1)
}

// movedConfiguration precedes the configuration that the guide shows.
const movedConfiguration = `
terraform {
  required_providers {
    etcd = { source = "registry.terraform.io/etcdv2/etcd" }
  }
}
provider "etcd" {
  endpoints = [%q]
}
`

// movedResources are the resources of the other provider as in its state, by type and
// name.
var movedResources = map[[2]string]string{
	{"etcdv2_keyvalue", "limit"}: `{"id":"app/limit","key":"app/limit","value":"10","modified_index":3}`,
	{"etcdv2_user", "app"}:       `{"id":"app","username":"app","password":"geheim","roles":["reader"]}`,
	{"etcdv2_role", "reader"}: `{"id":"reader","name":"reader","permissions":[
		{"key_path":"/app/*","read":true,"write":false},{"key_path":"/app","read":true,"write":false}]}`,
}

// movedState returns a state with movedResources.
func movedState(t *testing.T, address string) []byte {
	t.Helper()
	var resources []map[string]any
	for name, attributes := range movedResources {
		resources = append(resources, map[string]any{
			"mode": "managed", "type": name[0], "name": name[1], "provider": fmt.Sprintf("provider[%q]", address),
			"instances": []map[string]any{{"schema_version": 0, "attributes": json.RawMessage(attributes), "sensitive_attributes": []string{}}},
		})
	}
	state, err := json.Marshal(map[string]any{
		"version": 4, "terraform_version": "1.8.0", "serial": 7, "lineage": "3f1c6a52-9d5e-4b07-8c43-5f2a1d0e9b77",
		"outputs": map[string]any{}, "resources": resources,
	})
	if err != nil {
		t.Fatal(err)
	}
	return state
}

// Resources of another provider become ours through moved blocks alone: the plan changes
// nothing, and neither the plan nor the apply writes to the store.
func TestAccMain_moved(t *testing.T) {
	t.Parallel()

	l := clitest.New(t)
	l.Requires(t, cli.MovesOfTypes)
	s := etcdtest.Start(t)
	s.Put(t, "/app/limit", "10")
	for path, body := range map[string]map[string]any{
		"/v2/auth/roles/reader": {"role": "reader", "permissions": map[string]any{"kv": map[string]any{"read": []string{"/app/*", "/app"}}}},
		"/v2/auth/users/app":    {"user": "app", "password": "theirs", "roles": []string{"reader"}},
	} {
		s.JSON(t, http.MethodPut, path, body)
	}
	proxy := etcdtest.NewProxy(t, s.URL())
	const address = "mirror.example.com/retryw/etcdv2"
	reattach, stop := debugged(t, l)
	defer stop()
	guide, err := os.ReadFile(filepath.Join("..", "..", "examples", "guides", "from-retryw", "main.tf"))
	if err != nil {
		t.Fatal(err)
	}
	c := &secretive{lab: l, dir: t.TempDir(), env: []string{serveOldSchemas(t, address, reattach), "TF_VAR_app_password=geheim"}}
	for name, content := range map[string][]byte{
		"provider.tf": fmt.Appendf(nil, movedConfiguration, proxy.URL()), "main.tf": guide, "terraform.tfstate": movedState(t, address),
	} {
		c.write(t, name, content)
	}
	c.run(t, "", 0, "init")
	out := c.run(t, "", 0, "plan", "-out=saved")
	if got := strings.Count(out, " has moved to "); got != len(movedResources) ||
		!strings.Contains(out, "0 to add, 0 to change, 0 to destroy") {
		t.Errorf("%d resources have moved, want %d and nothing else:\n%s", got, len(movedResources), out)
	}
	c.run(t, "", 0, "apply", "saved")
	c.run(t, "", 0, "plan", "-detailed-exitcode")
	requests := proxy.Requests()
	for _, r := range requests {
		if r.Method != http.MethodGet {
			t.Errorf("%s %s was sent", r.Method, r.Path)
		}
	}
	if len(requests) == 0 {
		t.Error("nothing was read")
	}
	if state := filesIn(t, c.dir)["terraform.tfstate"]; strings.Contains(string(state), "etcdv2_") {
		t.Errorf("the state still names the other provider:\n%s", state)
	}
}
