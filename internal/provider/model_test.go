package provider

import (
	"context"
	"math/big"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// TestModels compares readModel and writeModel with the framework's Get and Set, for random
// objects.
func TestModels(t *testing.T) {
	t.Parallel()
	t.Run("key", func(t *testing.T) { t.Parallel(); testModel[keyModel](t, &keyResource{}) })
	t.Run("dir", func(t *testing.T) { t.Parallel(); testModel[dirModel](t, &dirResource{}) })
	t.Run("in_order_key", func(t *testing.T) { t.Parallel(); testModel[inOrderKeyModel](t, &inOrderKeyResource{}) })
	t.Run("user_role", func(t *testing.T) { t.Parallel(); testModel[userRoleModel](t, &userRoleResource{}) })
	t.Run("role_permission", func(t *testing.T) { t.Parallel(); testModel[rolePermissionModel](t, &rolePermissionResource{}) })
}

func testModel[M any](t *testing.T, r resource.Resource) {
	t.Helper()
	ctx := t.Context()
	if len(modelFieldsOf[M](ctx)) == 0 {
		t.Fatalf("%T is left to the framework", *new(M))
	}
	var described resource.SchemaResponse
	r.Schema(ctx, resource.SchemaRequest{}, &described)
	random := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		plan := tfsdk.Plan{Schema: described.Schema, Raw: randomObject(ctx, t, described.Schema, random)}
		var got, want M
		if diags := plan.Get(ctx, &want); diags.HasError() {
			t.Fatal(diags)
		}
		if !modelFieldsOf[M](ctx).read(ctx, plan.Raw, reflect.ValueOf(&got).Elem()) {
			t.Fatalf("read() refused %s", plan.Raw)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("read() differs from the framework (-framework +got):\n%s", diff)
		}
		written, ok := modelFieldsOf[M](ctx).write(ctx, described.Schema.Type().TerraformType(ctx), reflect.ValueOf(want))
		if !ok {
			t.Fatalf("write() refused %v", want)
		}
		state := tfsdk.State{Schema: described.Schema}
		if diags := state.Set(ctx, want); diags.HasError() {
			t.Fatal(diags)
		}
		if !written.Equal(state.Raw) || !written.Equal(plan.Raw) {
			t.Fatalf("write() = %s, want %s", written, state.Raw)
		}
	}
}

// randomObject returns an object of a schema with only strings, numbers and booleans. Each of them
// can be null or unknown.
func randomObject(ctx context.Context, t *testing.T, s schema.Schema, random *rand.Rand) tftypes.Value {
	t.Helper()
	values := map[string]tftypes.Value{}
	for name, attribute := range s.Attributes {
		typ := attribute.GetType().TerraformType(ctx)
		var value any
		switch n := random.IntN(4); {
		case n == 0:
		case n == 1:
			value = tftypes.UnknownValue
		case typ.Is(tftypes.String):
			value = []string{"", "/app/key", `{"a": 1}`, "\x00\u00e9"}[random.IntN(4)]
		case typ.Is(tftypes.Number):
			value = new(big.Float).SetInt64(random.Int64() - random.Int64())
		case typ.Is(tftypes.Bool):
			value = random.IntN(2) == 0
		default:
			t.Fatalf("%s has type %s", name, typ)
		}
		values[name] = tftypes.NewValue(typ, value)
	}
	return tftypes.NewValue(s.Type().TerraformType(ctx), values)
}

// TestModels_leftToTheFramework tries what readModel and writeModel leave to the framework.
func TestModels_leftToTheFramework(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	if fields := modelFieldsOf[keyPrefixModel](ctx); fields != nil {
		t.Errorf("modelFieldsOf[keyPrefixModel]() = %v, want none: keys is a map", fields)
	}
	var described resource.SchemaResponse
	(&userRoleResource{}).Schema(ctx, resource.SchemaRequest{}, &described)
	object := described.Schema.Type().TerraformType(ctx)
	model := userRoleModel{}
	null := tfsdk.State{Schema: described.Schema, Raw: tftypes.NewValue(object, nil)}
	if diags := readModel(ctx, null, &model); !diags.HasError() {
		t.Error("readModel() accepted a null state")
	}
	if diags := readModel(ctx, null, &dirModel{}); !diags.HasError() {
		t.Error("readModel() accepted the state of another resource")
	}
	if diags := writeModel(ctx, &null, dirModel{}); !diags.HasError() {
		t.Error("writeModel() accepted the model of another resource")
	}
	if !null.Raw.IsNull() {
		t.Errorf("state = %s after a failed writeModel, want null", null.Raw)
	}
}
