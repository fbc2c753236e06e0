package provider

import (
	"net/http"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/tfversion"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

// permissionsValue returns a list of permissions, each given by three texts: the key, the end of
// the range and the kind of permission.
func permissionsValue(rows ...[3]string) attr.Value {
	kind := types.ObjectType{AttrTypes: v3PermissionTypes}
	values := make([]attr.Value, len(rows))
	for i, row := range rows {
		values[i] = types.ObjectValueMust(v3PermissionTypes, map[string]attr.Value{
			"key": types.StringValue(row[0]), "range_end": types.StringValue(row[1]), "permission": types.StringValue(row[2]),
		})
	}
	return types.ListValueMust(kind, values)
}

func TestV3PermissionsFunction(t *testing.T) {
	t.Parallel()
	of := func(read, write attr.Value, rows ...[3]string) functionCase {
		return functionCase{args: []attr.Value{read, write}, want: permissionsValue(rows...)}
	}
	refused := func(wantErr string, arg int64, read, write attr.Value) functionCase {
		return functionCase{args: []attr.Value{read, write}, wantErr: wantErr, wantArg: arg}
	}
	none := textList()
	null := types.ListValueMust(types.StringType, []attr.Value{types.StringValue("/a"), types.StringNull()})
	testFunction(t, newV3PermissionsFunction, map[string]functionCase{
		"no patterns":        of(none, none),
		"all below the root": of(textList("/*"), none, [3]string{"/", "0", "READ"}),
		"everything":         of(none, textList("*"), [3]string{"\x00", "\x00", "WRITE"}),
		"directory":          of(textList("/app/*"), none, [3]string{"/app/", "/app0", "READ"}),
		"prefix":             of(textList("/app*"), none, [3]string{"/app", "/apq", "READ"}),
		"one key":            of(none, textList("/app/db"), [3]string{"/app/db", "", "WRITE"}),
		"star in the middle": of(textList("/a/*/c"), none, [3]string{"/a/*/c", "", "READ"}),
		"two stars":          of(textList("/a/**"), none, [3]string{"/a/*", "/a/+", "READ"}),
		"other scripts":      of(textList("/ключ*"), none, [3]string{"/ключ", "/клюш", "READ"}),
		"merged and sorted": of(textList("/b", "/a/*", "/b", "/a"), textList("/c*", "/a/*"),
			[3]string{"/a", "", "READ"}, [3]string{"/a/", "/a0", "READWRITE"}, [3]string{"/b", "", "READ"}, [3]string{"/c", "/d", "WRITE"}),
		"a key and the range that begins with it": of(textList("/a"), textList("/a*"),
			[3]string{"/a", "", "READ"}, [3]string{"/a", "/b", "WRITE"}),
		"null pattern":          refused("element 1: it is null", 1, none, null),
		"empty pattern":         refused("element 0: ", 0, textList(""), none),
		"no slash in front":     refused(`"app*" does not start with a slash`, 0, textList("/a", "app*"), none),
		"end that is not text":  refused(`ends the range of "/ÿ*"`, 0, textList("/ÿ*"), none),
		"end beyond ASCII":      refused(`ends the range of`, 1, none, textList("/\x7f*")),
		"pattern is not text":   refused("element 0: ", 0, textList("/\xff*"), none),
		"end that CLIs rewrite": refused(`ends the range of`, 0, textList("/a\u1100\u1160*"), none),
	})
}

// covers reports whether the range of a permission in the v3 API contains a key.
func (r v3Range) covers(key string) bool {
	switch r.end {
	case "":
		return key == r.key
	case v3EveryKey:
		return key >= r.key
	default:
		return r.key <= key && key < r.end
	}
}

// A range covers exactly the keys that the pattern covers, for any bytes.
func FuzzV3Permissions(f *testing.F) {
	for _, pattern := range []string{"*", "/*", "/a", "/a*", "/a/*", "/a/**", "/ключ*", "/ÿ*", "/\x7f*", "/\xff*", "", "a*"} {
		for _, key := range []string{"/", "/a", "/a/b", "/b", "/a0", "/ÿ", "/\xff", "/ключи"} {
			f.Add(pattern, key)
		}
	}
	f.Fuzz(func(t *testing.T, pattern, key string) {
		covered, err := v3RangeOf(types.StringValue(pattern))
		if err != nil || key == "" {
			return
		}
		if got, want := covered.covers(key), etcdv2.Permits([]string{pattern}, key); got != want {
			t.Errorf("the range %q of %q covers %q: %v, want %v", covered, pattern, key, got, want)
		}
	})
}

// With the permissions that the function returns, a real v3 API permits a user exactly what the
// patterns of the role permit.
func TestV3PermissionsFunction_onServer(t *testing.T) {
	t.Parallel()
	s := etcdtest.Start(t)
	if !s.Version().AtLeast(3, 4) {
		t.Skip("the v3 API has no stable JSON form before 3.4")
	}
	read := []string{"/app/*", "/exact", "/pre*", "/ключ*", "/both/*", "/odd/**"}
	write := []string{"/both/*", "/only/x", "/a~*"}
	token := loginV3(t, s, v3RoleOf(t, read, write))
	for _, key := range []string{
		"/", "/app", "/app/", "/app/a", "/app/a/b", "/app0", "/apple", "/exact", "/exact/x", "/exacu", "/pre", "/prefix/x", "/prf", "/pr",
		"/ключ", "/ключи", "/клю", "/клюш", "/both", "/both/x", "/both0", "/odd/*", "/odd/*x", "/odd/+", "/odd/x", "/only/x", "/only/x/y",
		"/a~", "/a~/b", "/a\x7f", "/z", "0", "app/x", "\x00",
	} {
		for what, allowed := range map[string]bool{"kv/range": etcdv2.Permits(read, key), "kv/put": etcdv2.Permits(write, key)} {
			want := map[bool]int{true: http.StatusOK, false: http.StatusForbidden}[allowed]
			if got := callV3(t, s, token, what, map[string]any{"key": []byte(key)}).Status; got != want {
				t.Errorf("%s of %q: status %d, want %d", what, key, got, want)
			}
		}
	}
}

func callV3(t *testing.T, s *etcdtest.Server, token, path string, body any) *etcdtest.Answer {
	t.Helper()
	return s.Do(t, etcdtest.Call{Method: http.MethodPost, Path: "/v3/" + path, JSON: body, Token: token})
}

// v3RoleOf returns the result of the function in the form of the v3 API.
func v3RoleOf(t *testing.T, read, write []string) []map[string]any {
	t.Helper()
	value, funcErr := runFunction(t, newV3PermissionsFunction(), []attr.Value{textList(read...), textList(write...)})
	if funcErr != nil {
		t.Fatal(funcErr)
	}
	list, ok := value.(types.List)
	if !ok {
		t.Fatalf("result = %s, want a list", value)
	}
	var permissions []v3PermissionModel
	if diags := list.ElementsAs(t.Context(), &permissions, false); diags.HasError() {
		t.Fatal(diags)
	}
	role := make([]map[string]any, len(permissions))
	for i, p := range permissions {
		role[i] = map[string]any{
			"key": []byte(p.Key.ValueString()), "range_end": []byte(p.RangeEnd.ValueString()), "permType": p.Permission.ValueString(),
		}
	}
	return role
}

// loginV3 enables authentication of the v3 API, and returns the token of a user with the
// permissions.
func loginV3(t *testing.T, s *etcdtest.Server, permissions []map[string]any) string {
	t.Helper()
	must := func(path string, body any) *etcdtest.Answer {
		answer := callV3(t, s, "", path, body)
		if !answer.OK() {
			t.Fatalf("%s of %v: status %d: %s", path, body, answer.Status, answer.Body)
		}
		return answer
	}
	for user, role := range map[string]string{"root": "root", "u": "r"} {
		must("auth/role/add", map[string]any{"name": role})
		must("auth/user/add", map[string]any{"name": user, "password": "p"})
		must("auth/user/grant", map[string]any{"user": user, "role": role})
	}
	for _, permission := range permissions {
		must("auth/role/grant", map[string]any{"name": "r", "perm": permission})
	}
	must("auth/enable", map[string]any{})
	var answer struct{ Token string }
	must("auth/authenticate", map[string]any{"name": "u", "password": "p"}).Decode(t, &answer)
	return answer.Token
}

func TestAccV3PermissionsFunction(t *testing.T) {
	t.Parallel()
	acceptanceSince(t, tfversion.Version1_8_0,
		wantFailure("does not start with a slash", `output "o" { value = provider::etcd::v3_permissions(["app*"], []) }`),
		wantFailure("must not be null", `output "o" { value = provider::etcd::v3_permissions([], null) }`),
		wantOutput(knownvalue.StringExact(`[{"key":"\u0000","permission":"READ","range_end":"\u0000"},`+
			`{"key":"/app/","permission":"READWRITE","range_end":"/app0"}]`), `
output "o" { value = jsonencode(provider::etcd::v3_permissions(toset(["*", "/app/*"]), ["/app/*"])) }`),
		wantOutput(knownvalue.StringExact("/x0"), `
resource "terraform_data" "x" { input = "/x/*" }
output "o" { value = provider::etcd::v3_permissions([], [terraform_data.x.output])[0].range_end }`),
	)
}
