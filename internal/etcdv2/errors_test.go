package etcdv2_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

// respond returns a client of a scripted server that answers everything alike, except reads
// of keys other than "/k": the client uses those to check that a server is up to date before
// it trusts its answer about users.
func respond(tb testing.TB, status int, header http.Header, body string) *etcdv2.Client {
	tb.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/v2/keys") && r.URL.Path != "/v2/keys/k" {
			w.WriteHeader(http.StatusNotFound)
			_, _ = w.Write([]byte(keyError(100)))
			return
		}
		maps.Copy(w.Header(), header)
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}))
	tb.Cleanup(server.Close)
	return newClient(tb, etcdv2.Options{Endpoints: []string{server.URL}, Retry: etcdv2.RetryPolicy{MaxAttempts: 1}})
}

// call makes a request that is answered with an error.
type call func(ctx context.Context, c *etcdv2.Client) error

func getKey(ctx context.Context, c *etcdv2.Client) error {
	return errOf(c.Keys.Get(ctx, "/k", etcdv2.GetOptions{}))
}

func setKey(ctx context.Context, c *etcdv2.Client) error {
	return errOf(c.Keys.Set(ctx, "/k", "v", etcdv2.WriteOptions{}))
}

func watchKey(ctx context.Context, c *etcdv2.Client) error {
	for _, err := range c.Keys.Events(ctx, "/k", etcdv2.WatchOptions{}) {
		return err
	}
	return nil
}

func getUser(ctx context.Context, c *etcdv2.Client) error    { return errOf(c.Users.Get(ctx, "u")) }
func getRole(ctx context.Context, c *etcdv2.Client) error    { return errOf(c.Roles.Get(ctx, "r")) }
func deleteUser(ctx context.Context, c *etcdv2.Client) error { return c.Users.Delete(ctx, "u") }
func deleteRole(ctx context.Context, c *etcdv2.Client) error { return c.Roles.Delete(ctx, "r") }
func enable(ctx context.Context, c *etcdv2.Client) error     { return c.Auth.Enable(ctx) }
func disable(ctx context.Context, c *etcdv2.Client) error    { return c.Auth.Disable(ctx) }
func removeMember(ctx context.Context, c *etcdv2.Client) error {
	return c.Members.Remove(ctx, "deadbeef")
}

func leader(ctx context.Context, c *etcdv2.Client) error { return errOf(c.Members.Leader(ctx)) }

// keyError is an error of the key space.
func keyError(code int) string {
	return fmt.Sprintf(`{"errorCode":%d,"message":"the message","cause":"/the/cause","index":7}`, code)
}

func message(text string) string { return fmt.Sprintf(`{"message":%q}`, text) }

// errorCases are answers for each error in the list in doc.go.
var errorCases = map[string][]struct {
	kind   error
	call   call
	status int
	body   string
}{
	"ErrNotFound": {
		{etcdv2.ErrNotFound, getKey, 404, keyError(100)},
		{etcdv2.ErrNotFound, getKey, 400, keyError(104)},
		{etcdv2.ErrNotFound, getUser, 404, message("auth: User u does not exist.")},
		{etcdv2.ErrNotFound, deleteUser, 404, message("auth: User u does not exist")},
		{etcdv2.ErrNotFound, getRole, 404, message("auth: Role r does not exist.")},
		{etcdv2.ErrNotFound, deleteRole, 404, message("auth: Role r doesn't exist.")},
		{etcdv2.ErrNotFound, removeMember, 404, message("No such member: deadbeef")},
	},
	"ErrCompareFailed": {{etcdv2.ErrCompareFailed, getKey, 412, keyError(101)}},
	"ErrNotFile":       {{etcdv2.ErrNotFile, getKey, 403, keyError(102)}},
	"ErrNotDir":        {{etcdv2.ErrNotDir, getKey, 400, keyError(104)}},
	"ErrExists":        {{etcdv2.ErrExists, getKey, 412, keyError(105)}},
	"ErrDirNotEmpty":   {{etcdv2.ErrDirNotEmpty, getKey, 403, keyError(108)}},
	"ErrUnauthorized": {
		{etcdv2.ErrUnauthorized, getKey, 401, keyError(110)},
		{etcdv2.ErrUnauthorized, getKey, 401, "denied by the gateway"},
		{etcdv2.ErrUnauthorized, getUser, 401, message("Insufficient credentials")},
		{etcdv2.ErrUnauthorized, removeMember, 401, message("Insufficient credentials")},
	},
	"ErrEventIndexCleared": {{etcdv2.ErrEventIndexCleared, getKey, 400, keyError(401)}},
	"ErrForbidden":         {{etcdv2.ErrForbidden, deleteUser, 403, message("auth: Cannot delete root user while auth is enabled.")}},
	"ErrAuthEnabled":       {{etcdv2.ErrAuthEnabled, enable, 409, message("auth: already enabled")}},
	"ErrAuthDisabled":      {{etcdv2.ErrAuthDisabled, disable, 409, message("auth: already disabled")}},
	"ErrNoRootUser":        {{etcdv2.ErrNoRootUser, enable, 409, message("auth: No root user available, please create one")}},
	"ErrMemberRemoved":     {{etcdv2.ErrMemberRemoved, removeMember, 410, message("Member permanently removed: deadbeef")}},
	"ErrNoLeader":          {{etcdv2.ErrNoLeader, leader, 503, message("During election")}},
	"ErrUnhealthy":         {{etcdv2.ErrUnhealthy, removeMember, 500, message("Internal Server Error")}},
	"ErrDanglingRole":      {{etcdv2.ErrDanglingRole, getUser, 404, message("auth: Role r does not exist.")}},
	"ErrReadOnly": {
		{etcdv2.ErrReadOnly, deleteUser, 501, ""},
		{etcdv2.ErrReadOnly, removeMember, 501, "not implemented"},
		{etcdv2.ErrReadOnly, setKey, 501, ""},
	},
	"ErrDirUpdate": {
		{
			etcdv2.ErrDirUpdate, setKey, 500, `{"errorCode":300,"message":"Raft Internal Error","cause":"nodePath /1/t3 : Not a file ()","index":0}`,
		},
	},
	"ErrV2Disabled": {
		{etcdv2.ErrV2Disabled, getKey, 404, "404 page not found\n"},
		{etcdv2.ErrV2Disabled, watchKey, 404, "404 page not found\n"},
		{etcdv2.ErrV2Disabled, getUser, 404, "404 page not found\n"},
		{etcdv2.ErrV2Disabled, removeMember, 404, "404 page not found\n"},
	},
}

// provedElsewhere are the errors of the list that a single answer cannot cause. The named
// test causes them on a real server.
var provedElsewhere = map[string]func(*testing.T){
	"ErrGranted":    TestUsersService,
	"ErrNotGranted": TestUsersService,
}

func TestErrors(t *testing.T) {
	t.Parallel()
	var listed []string
	for _, line := range append(docBlock(t, "ErrNotFound  "), "ErrNotFound") {
		name := strings.Fields(line)[0]
		listed = append(listed, name)
		if len(errorCases[name]) == 0 && provedElsewhere[name] == nil {
			t.Errorf("errorCases has no answer for the error %s of doc.go", name)
		}
	}
	for name, cases := range errorCases {
		if !slices.Contains(listed, name) {
			t.Errorf("doc.go does not list %s", name)
		}
		for _, tt := range cases {
			t.Run(fmt.Sprintf("%s/%d", name, tt.status), func(t *testing.T) {
				t.Parallel()
				err := tt.call(t.Context(), respond(t, tt.status, nil, tt.body))
				wantErr(t, "the call's", err, tt.kind)
				if apiErr, ok := errors.AsType[*etcdv2.Error](err); !ok || apiErr.Status != tt.status {
					t.Errorf("error = %#v, want an *Error with the status %d", err, tt.status)
				}
				for other, others := range errorCases {
					isBoth := name == "ErrNotDir" && other == "ErrNotFound" || name == "ErrNotFound" && other == "ErrNotDir"
					if other != name && !isBoth && errors.Is(err, others[0].kind) {
						t.Errorf("error = %v is %s too", err, other)
					}
				}
			})
		}
	}
}

// TestErrors_documented checks that doc.go names every error of the package.
func TestErrors_documented(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	doc := must[[]byte](t)(os.ReadFile("doc.go"))
	for _, file := range files {
		source := must[[]byte](t)(os.ReadFile(file))
		for _, match := range regexp.MustCompile(`(?m)^(?:var |\t)(Err\w+) += errors\.New`).FindAllSubmatch(source, -1) {
			if !regexp.MustCompile(`\b` + string(match[1]) + `\b`).Match(doc) {
				t.Errorf("doc.go does not describe %s", match[1])
			}
		}
	}
}

// TestError has answers outside 2xx of every form, and what the error keeps of them.
func TestError(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		call   call
		status int
		header http.Header
		body   string
		want   etcdv2.Error
		text   string
		isNot  []error
	}{
		"all four fields": {
			status: 404, body: `{"errorCode":100,"message":"Key not found","cause":"/k","index":19}` + "\n",
			want: etcdv2.Error{Status: 404, Code: etcdv2.CodeKeyNotFound, Message: "Key not found", Cause: "/k", Index: 19},
			text: "answered 404 (etcd error 100): Key not found (/k)",
		},
		"the index of the header": {
			status: 404, header: http.Header{"X-Etcd-Index": {"20"}}, body: `{"errorCode":100,"message":"Key not found","cause":"/k"}`,
			want: etcdv2.Error{Status: 404, Code: etcdv2.CodeKeyNotFound, Message: "Key not found", Cause: "/k", Index: 20},
			text: "answered 404 (etcd error 100): Key not found (/k)",
		},
		"values stay out of the text": {
			status: 412, body: `{"errorCode":101,"message":"Compare failed","cause":"[secret != hidden]","index":19}`,
			want: etcdv2.Error{Status: 412, Code: etcdv2.CodeCompareFailed, Message: "Compare failed", Cause: "[secret != hidden]", Index: 19},
			text: "answered 412 (etcd error 101): Compare failed",
		},
		"broken JSON stays out of the text": {
			status: 412, body: `{"errorCode":101,"message":"Compare failed","cause":"[secret != hidden]","index":-1}`,
			want: etcdv2.Error{Status: 412},
			text: "answered 412",
		},
		"plain text": {
			status: 400, body: "  bad request\nmore\n",
			want: etcdv2.Error{Status: 400, Message: "bad request"},
			text: "answered 400: bad request",
		},
		"long text that is not UTF-8": {
			status: 400, body: "\xff" + strings.Repeat("x", 300),
			want: etcdv2.Error{Status: 400, Message: "\uFFFD" + strings.Repeat("x", 199) + "..."},
			text: "answered 400: \uFFFD" + strings.Repeat("x", 199) + "...",
		},
		"no body": {status: 418, want: etcdv2.Error{Status: 418}, text: "answered 418"},
		"a message alone": {
			call: getUser, status: 400, body: `{"message":"Invalid path"}`,
			want: etcdv2.Error{Status: 400, Message: "Invalid path"},
			text: "answered 400: Invalid path",
		},
		"a 404 of a gateway is not a missing key": {
			status: 404, body: `{"message":"no route"}`,
			want:  etcdv2.Error{Status: 404, Message: "no route"},
			text:  "answered 404: no route",
			isNot: []error{etcdv2.ErrNotFound},
		},
		"a 404 of a gateway is not a missing user": {
			call: getUser, status: 404, body: `{"message":"no Route matched with those values"}`,
			want:  etcdv2.Error{Status: 404, Message: "no Route matched with those values"},
			text:  "answered 404: no Route matched with those values",
			isNot: []error{etcdv2.ErrNotFound, etcdv2.ErrDanglingRole},
		},
		"a 404 of a gateway is not a missing role": {
			call: deleteRole, status: 404, body: `{"message":"Not Found"}`,
			want:  etcdv2.Error{Status: 404, Message: "Not Found"},
			text:  "answered 404: Not Found",
			isNot: []error{etcdv2.ErrNotFound},
		},
		"a 404 of a gateway is not a missing member": {
			call: removeMember, status: 404, body: `{"message":"Not Found"}`,
			want:  etcdv2.Error{Status: 404, Message: "Not Found"},
			text:  "answered 404: Not Found",
			isNot: []error{etcdv2.ErrNotFound},
		},
		"a 410 of a gateway is not a removed member": {
			call: removeMember, status: 410, body: `{"message":"Gone"}`,
			want:  etcdv2.Error{Status: 410, Message: "Gone"},
			text:  "answered 410: Gone",
			isNot: []error{etcdv2.ErrMemberRemoved},
		},
		"field names are case-sensitive": {
			status: 404, body: `{"ErrorCode":100,"Message":"Key not found"}`,
			want:  etcdv2.Error{Status: 404},
			text:  "answered 404: " + etcdv2.ErrV2Disabled.Error(),
			isNot: []error{etcdv2.ErrNotFound},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if tt.call == nil {
				tt.call = getKey
			}
			err := tt.call(t.Context(), respond(t, tt.status, tt.header, tt.body))
			got, ok := errors.AsType[*etcdv2.Error](err)
			if !ok {
				t.Fatalf("error = %#v, want an *Error", err)
			}
			if diff := cmp.Diff(
				&tt.want, got, cmpopts.IgnoreUnexported(etcdv2.Error{}), cmpopts.IgnoreFields(etcdv2.Error{}, "Endpoint"),
			); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
			if want := got.Endpoint + " " + tt.text; got.Error() != want {
				t.Errorf("Error() = %q, want %q", got.Error(), want)
			}
			for _, kind := range tt.isNot {
				if errors.Is(err, kind) {
					t.Errorf("error = %v is %v", err, kind)
				}
			}
		})
	}
}

// TestErrors_whileFindingTheCluster reads a key while a gateway answers the requests that the
// client makes first. Their errors must not be taken for an answer about the key.
func TestErrors_whileFindingTheCluster(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]etcdv2.Options{
		"expected cluster": {ExpectedClusterID: "cdf818194e3a8c32"},
		"discover members": {DiscoverMembers: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			keys, _, proxy := newProxied(t, o)
			proxy.Inject(etcdtest.Rule{
				Path:   "/v2/members",
				Action: etcdtest.Respond(404, http.Header{"Content-Type": {"application/json"}}, message("no Route matched with those values")),
			})
			if _, err := keys.Get(t.Context(), "/k", etcdv2.GetOptions{}); err == nil || errors.Is(err, etcdv2.ErrNotFound) {
				t.Errorf("error = %v, want one that is not ErrNotFound", err)
			}
		})
	}
}

// TestErrors_containNoSecrets makes writes fail in every way and searches the errors and traces
// for their values.
func TestErrors_containNoSecrets(t *testing.T) {
	t.Parallel()
	const secret = "s3cr3t"
	keys, prefix := newKeys(t)
	server := etcdtest.Shared(t)
	server.Put(t, prefix+"/k", secret)
	server.Mkdir(t, prefix+"/dir")
	for name, rule := range map[string]etcdtest.Rule{
		"no fault":     {Action: (*etcdtest.Exchange).Forward},
		"cut":          {Action: etcdtest.CutBefore()},
		"not JSON":     {Action: etcdtest.Respond(200, nil, "{"+secret)},
		"other types":  {Action: etcdtest.Respond(200, nil, `{"action":"set","node":{"key":"/k","value":["`+secret+`"]}}`)},
		"broken error": {Action: etcdtest.Respond(412, nil, `{"errorCode":101,"cause":"`+secret+`",`)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var traced []string
			proxied, _, proxy := newProxied(t, etcdv2.Options{
				Username: "u", Password: secret,
				Trace: func(x etcdv2.Exchange) { traced = append(traced, fmt.Sprintf("%+v %s", x, x.Curl())) },
			})
			proxy.Inject(rule)
			_, swapErr := proxied.CompareAndSwap(t.Context(), "/k", secret, etcdv2.Condition{Value: "not " + secret}, etcdv2.WriteOptions{})
			_, createErr := proxied.Create(t.Context(), "/k", secret, etcdv2.CreateOptions{})
			_, deleteErr := proxied.CompareAndDelete(t.Context(), "/k", etcdv2.Condition{Value: "not " + secret})
			_, dirErr := proxied.Set(t.Context(), "/dir", secret, etcdv2.WriteOptions{})
			_, keyErr := proxied.Set(t.Context(), "bad", secret, etcdv2.WriteOptions{})
			for _, err := range []error{swapErr, createErr, deleteErr, dirErr, keyErr} {
				if strings.Contains(fmt.Sprintf("%v", err), secret) {
					t.Errorf("error = %v contains the value", err)
				}
			}
			for _, text := range traced {
				if strings.Contains(text, secret) {
					t.Errorf("the trace %s contains the value", text)
				}
			}
		})
	}
	_, err := keys.CompareAndSwap(t.Context(), "/k", "x", etcdv2.Condition{Value: "not " + secret}, etcdv2.WriteOptions{})
	if apiErr, ok := errors.AsType[*etcdv2.Error](err); !ok || !strings.Contains(apiErr.Cause, secret) {
		t.Errorf("error = %#v, want the cause in its field", err)
	}
}
