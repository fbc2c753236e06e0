package etcdv2_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

const (
	rootPassword = "root-pässword:1"
	users        = "/v2/auth/users"
	roles        = "/v2/auth/roles"
)

// newAuthClient returns a client that does not wait between attempts.
func newAuthClient(t *testing.T, o etcdv2.Options) *etcdv2.Client {
	t.Helper()
	if o.Wait == nil {
		o.Wait = func(ctx context.Context, _ time.Duration) error { return ctx.Err() }
	}
	client, err := etcdv2.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.CloseIdleConnections)
	return client
}

func authClientOf(t *testing.T, url string) *etcdv2.Client {
	t.Helper()
	return newAuthClient(t, etcdv2.Options{Endpoints: []string{url}})
}

func rootClientOf(t *testing.T, url string) *etcdv2.Client {
	t.Helper()
	return newAuthClient(t, etcdv2.Options{Endpoints: []string{url}, Username: "root", Password: rootPassword})
}

// scripted serves answers of servers that we cannot run here.
func scripted(t *testing.T, answers map[string]string) *etcdv2.Client {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, ok := answers[r.URL.Path]
		if !ok {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusNotFound)
			switch {
			case strings.HasPrefix(r.URL.Path, "/v2/keys"):
				fmt.Fprint(w, `{"errorCode":100,"message":"Key not found","cause":"/","index":1}`)
			case strings.HasPrefix(r.URL.Path, roles):
				fmt.Fprintf(w, `{"message":"auth: Role %s does not exist."}`, path.Base(r.URL.Path))
			default:
				fmt.Fprintf(w, `{"message":"auth: User %s does not exist."}`, path.Base(r.URL.Path))
			}
			return
		}
		fmt.Fprint(w, body)
	}))
	t.Cleanup(server.Close)
	return authClientOf(t, server.URL)
}

func wantError(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: error = %v, want %v", what, err, want)
	}
}

func TestAuthService(t *testing.T) {
	t.Parallel()
	server := etcdtest.Start(t)
	ctx, anonymous, root := t.Context(), authClientOf(t, server.URL()), rootClientOf(t, server.URL())

	wantStatus := func(want bool) {
		t.Helper()
		if got, err := anonymous.Auth.Status(ctx); err != nil || got != want {
			t.Errorf("Status() = %t, %v, want %t", got, err, want)
		}
	}
	wantStatus(false)
	wantError(t, "enable without the user root", root.Auth.Enable(ctx), etcdv2.ErrNoRootUser)
	if _, err := root.Auth.EnsureEnabled(ctx); !errors.Is(err, etcdv2.ErrNoRootUser) {
		t.Errorf("EnsureEnabled() without the user root: %v, want %v", err, etcdv2.ErrNoRootUser)
	}
	wantError(t, "disable twice", root.Auth.Disable(ctx), etcdv2.ErrAuthDisabled)
	if changed, err := root.Auth.EnsureDisabled(ctx); changed || err != nil {
		t.Errorf("EnsureDisabled() = %t, %v, want no change", changed, err)
	}
	if _, err := root.Users.Create(ctx, "root", rootPassword, nil); err != nil {
		t.Fatal(err)
	}
	if changed, err := root.Auth.EnsureEnabled(ctx); !changed || err != nil {
		t.Fatalf("EnsureEnabled() = %t, %v, want a change", changed, err)
	}
	wantStatus(true)
	wantError(t, "enable twice", root.Auth.Enable(ctx), etcdv2.ErrAuthEnabled)
	wantError(t, "enable as nobody", anonymous.Auth.Enable(ctx), etcdv2.ErrUnauthorized)
	wantError(t, "disable as nobody", anonymous.Auth.Disable(ctx), etcdv2.ErrUnauthorized)
	_, err := anonymous.Users.List(ctx)
	wantError(t, "list users as nobody", err, etcdv2.ErrUnauthorized)
	wantError(t, "delete the user root", root.Users.Delete(ctx, "root"), etcdv2.ErrForbidden)
	if err := root.Auth.Disable(ctx); err != nil {
		t.Fatal(err)
	}
	wantStatus(false)
}

func TestAuthService_lostAnswer(t *testing.T) {
	t.Parallel()
	server := etcdtest.Start(t)
	proxy := etcdtest.NewProxy(t, server.URL())
	ctx, client := t.Context(), rootClientOf(t, proxy.URL())
	if _, err := client.Users.Create(ctx, "root", rootPassword, nil); err != nil {
		t.Fatal(err)
	}
	proxy.Inject(etcdtest.Rule{Method: http.MethodPut, Path: "/v2/auth/enable", Times: 1, Action: etcdtest.DropAnswer()})
	if err := client.Auth.Enable(ctx); err != nil {
		t.Errorf("Enable() after a lost answer: %v, want success", err)
	}
	proxy.Inject(etcdtest.Rule{Method: http.MethodDelete, Path: "/v2/auth/enable", Times: 1, Action: etcdtest.CutBefore()})
	wantError(t, "disable, never arrived", client.Auth.Disable(ctx), etcdv2.ErrOutcomeUnknown)
	if n := proxy.Count(http.MethodDelete, "/v2/auth/enable"); n != 1 {
		t.Errorf("the request was sent %d times, want once", n)
	}
}

func TestUsersService(t *testing.T) {
	t.Parallel()
	server := etcdtest.Start(t)
	ctx, client := t.Context(), authClientOf(t, server.URL())
	if list, err := client.Users.List(ctx); err != nil || len(list) != 0 {
		t.Errorf("List() of none = %v, %v", list, err)
	}
	for _, role := range []string{"r1", "r2", "r3"} {
		if _, err := client.Roles.Create(ctx, role, etcdv2.Permissions{Read: []string{"/" + role}}); err != nil {
			t.Fatal(err)
		}
	}
	alice, err := client.Users.Create(ctx, "alice b@ü", "secret", []string{"r2", "r1", "r2"})
	if err != nil {
		t.Fatal(err)
	}
	want := &etcdv2.User{Name: "alice b@ü", Roles: []string{"r1", "r2"}, Granted: []etcdv2.Role{
		{Name: "r1", Permissions: etcdv2.Permissions{Read: []string{"/r1"}, Write: []string{}}},
		{Name: "r2", Permissions: etcdv2.Permissions{Read: []string{"/r2"}, Write: []string{}}},
	}}
	if !expected(t).describesRoles {
		want.Granted = nil
	}
	if diff := cmp.Diff(want, alice); diff != "" {
		t.Errorf("Create() (-want +got):\n%s", diff)
	}
	got, err := client.Users.Update(ctx, "alice b@ü", etcdv2.UserUpdate{
		Grant: []string{"r3"}, Revoke: []string{"r1"}, Password: "new", From: []string{"r2", "r1"},
	})
	if err != nil || !slices.Equal(got.Roles, []string{"r2", "r3"}) {
		t.Errorf("Update() = %v, %v, want r2 and r3", got, err)
	}
	_, err = client.Users.Update(ctx, "alice b@ü", etcdv2.UserUpdate{Grant: []string{"r1"}, From: []string{}})
	wantError(t, "update from other roles", err, etcdv2.ErrCompareFailed)
	_, err = client.Users.Grant(ctx, "alice b@ü", "r1", "r2")
	wantError(t, "grant of a role that the user has", err, etcdv2.ErrGranted)
	_, err = client.Users.Revoke(ctx, "alice b@ü", "r1", "r2")
	wantError(t, "revoke of a role that the user lacks", err, etcdv2.ErrNotGranted)
	_, err = client.Users.Grant(ctx, "nobody", "r1")
	wantError(t, "grant to nobody", err, etcdv2.ErrNotFound)
	if got, err = client.Users.Get(ctx, "alice b@ü"); err != nil || !slices.Equal(got.Roles, []string{"r2", "r3"}) {
		t.Errorf("Get() = %v, %v, want r2 and r3", got, err)
	}
	if bob, err := client.Users.Create(ctx, "bob", strings.Repeat("x", etcdv2.MaxPassword), nil); err != nil || len(bob.Roles) != 0 {
		t.Errorf("Create() without roles = %v, %v", bob, err)
	}
	list, err := client.Users.List(ctx)
	if err != nil || len(list) != 2 || list[0].Name != "alice b@ü" || list[1].Name != "bob" {
		t.Errorf("List() = %v, %v, want alice and bob", list, err)
	}
	if holders, err := client.Users.Holders(ctx, "r3"); err != nil || !slices.Equal(holders, []string{"alice b@ü"}) {
		t.Errorf("Holders() = %v, %v, want alice", holders, err)
	}
	if err := client.Users.Delete(ctx, "bob"); err != nil {
		t.Error(err)
	}
	wantError(t, "delete twice", client.Users.Delete(ctx, "bob"), etcdv2.ErrNotFound)
	_, err = client.Users.Get(ctx, "bob")
	wantError(t, "get a deleted user", err, etcdv2.ErrNotFound)
	wantError(t, "password of nobody", client.Users.ChangePassword(ctx, "bob", "x"), etcdv2.ErrNotFound)
	_, err = client.Users.Get(ctx, "bob")
	wantError(t, "user created by a change of password", err, etcdv2.ErrNotFound)
}

func TestUsersService_refusedBeforeAnyRequest(t *testing.T) {
	t.Parallel()
	client := scripted(t, nil)
	ctx := t.Context()
	for _, name := range []string{"", ".", "..", "a/b", "a\x00", "a\xff", "a:b"} {
		_, err := client.Users.Create(ctx, name, "secret", nil)
		wantError(t, fmt.Sprintf("create %q", name), err, etcdv2.ErrInvalidName)
	}
	for _, name := range []string{"", ".", "..", "a/b"} {
		_, err := client.Users.Get(ctx, name)
		wantError(t, fmt.Sprintf("get %q", name), err, etcdv2.ErrInvalidName)
		wantError(t, fmt.Sprintf("delete %q", name), client.Users.Delete(ctx, name), etcdv2.ErrInvalidName)
		_, err = client.Roles.Create(ctx, name, etcdv2.Permissions{})
		wantError(t, fmt.Sprintf("create role %q", name), err, etcdv2.ErrInvalidName)
		_, err = client.Users.Grant(ctx, "alice", name)
		wantError(t, fmt.Sprintf("grant %q", name), err, etcdv2.ErrInvalidName)
	}
	long := strings.Repeat("geheim", 13)
	for _, password := range []string{"", long, "a\xff"} {
		_, err := client.Users.Create(ctx, "alice", password, nil)
		wantError(t, "create", err, etcdv2.ErrInvalidPassword)
		wantError(t, "change", client.Users.ChangePassword(ctx, "alice", password), etcdv2.ErrInvalidPassword)
		if err != nil && strings.Contains(err.Error(), "geheim") {
			t.Errorf("the error quotes the password: %v", err)
		}
	}
	for _, update := range []etcdv2.UserUpdate{{}, {Grant: []string{"a"}, Revoke: []string{"b", "a"}}} {
		_, err := client.Users.Update(ctx, "alice", update)
		wantError(t, fmt.Sprintf("%+v", update), err, etcdv2.ErrInvalidUpdate)
	}
	for _, pattern := range []string{"", "/\xff"} {
		_, err := client.Roles.Create(ctx, "r", etcdv2.Permissions{Write: []string{"/a", pattern}})
		wantError(t, fmt.Sprintf("pattern %q", pattern), err, etcdv2.ErrInvalidPattern)
		_, err = client.Roles.Grant(ctx, "r", etcdv2.Permissions{Read: []string{pattern}})
		wantError(t, fmt.Sprintf("pattern %q", pattern), err, etcdv2.ErrInvalidPattern)
	}
	read := etcdv2.Permissions{Read: []string{"/a"}}
	for _, update := range []etcdv2.RoleUpdate{{}, {Grant: read, Revoke: read}} {
		_, err := client.Roles.Update(ctx, "r", update)
		wantError(t, fmt.Sprintf("%+v", update), err, etcdv2.ErrInvalidUpdate)
	}
}

// canLogIn reports whether a user may read a key, on a server with authentication enabled
// where the user has a role that allows it.
func canLogIn(t *testing.T, url, name, password string) bool {
	t.Helper()
	client := newAuthClient(t, etcdv2.Options{Endpoints: []string{url}, Username: name, Password: password})
	_, err := client.Keys.Get(t.Context(), "/open", etcdv2.GetOptions{})
	if err != nil && !errors.Is(err, etcdv2.ErrNotFound) && !errors.Is(err, etcdv2.ErrUnauthorized) {
		t.Fatal(err)
	}
	return !errors.Is(err, etcdv2.ErrUnauthorized)
}

func TestUsersService_Create_neverResetsAPassword(t *testing.T) {
	t.Parallel()
	server := etcdtest.Start(t, etcdtest.WithAuth(rootPassword))
	ctx, client := t.Context(), rootClientOf(t, server.URL())
	if _, err := client.Roles.Create(ctx, "reader", etcdv2.Permissions{Read: []string{"/open"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Users.Create(ctx, "alice", "first", []string{"reader"}); err != nil {
		t.Fatal(err)
	}
	for _, roles := range [][]string{nil, {}, {"reader"}} {
		_, err := client.Users.Create(ctx, "alice", "second", roles)
		wantError(t, fmt.Sprintf("create again with roles %v", roles), err, etcdv2.ErrExists)
	}
	if !canLogIn(t, server.URL(), "alice", "first") || canLogIn(t, server.URL(), "alice", "second") {
		t.Error("the password of an existing user was changed by Create()")
	}
	if err := client.Users.ChangePassword(ctx, "alice", "second"); err != nil {
		t.Fatal(err)
	}
	if canLogIn(t, server.URL(), "alice", "first") || !canLogIn(t, server.URL(), "alice", "second") {
		t.Error("ChangePassword() did not change the password")
	}
}

func TestUsersService_Create_lostAnswer(t *testing.T) {
	t.Parallel()
	server := etcdtest.Start(t)
	// through returns a client whose PUT requests meet a fault.
	through := func(t *testing.T, skip, times int, action etcdtest.Action) *etcdv2.Client {
		t.Helper()
		proxy := etcdtest.NewProxy(t, server.URL())
		proxy.Inject(etcdtest.Rule{Method: http.MethodPut, Skip: skip, Times: times, Action: action})
		return authClientOf(t, proxy.URL())
	}

	t.Run("of the creation", func(t *testing.T) {
		t.Parallel()
		user, err := through(t, 0, 1, etcdtest.DropAnswer()).Users.Create(t.Context(), "a", "secret", []string{"root"})
		if err != nil || !slices.Equal(user.Held(), []string{"root"}) {
			t.Errorf("Create() = %v, %v, want only the role root", user, err)
		}
	})
	t.Run("of every creation", func(t *testing.T) {
		t.Parallel()
		user, err := through(t, 0, etcdv2.DefaultMaxAttempts, etcdtest.DropAnswer()).Users.Create(t.Context(), "b", "secret", nil)
		if err != nil || len(user.Held()) != 0 {
			t.Errorf("Create() = %v, %v, want no role", user, err)
		}
	})
	t.Run("of the second request", func(t *testing.T) {
		t.Parallel()
		user, err := through(t, 1, 1, etcdtest.DropAnswer()).Users.Create(t.Context(), "c", "secret", nil)
		if err != nil || len(user.Held()) != 0 {
			t.Errorf("Create() = %v, %v, want no role", user, err)
		}
	})
	t.Run("the second request never arrives", func(t *testing.T) {
		t.Parallel()
		user, err := through(t, 1, 0, etcdtest.CutBefore()).Users.Create(t.Context(), "d", "secret", nil)
		if err == nil || user == nil || user.MissingRole == "" || !strings.Contains(err.Error(), user.MissingRole) {
			t.Errorf("Create() = %v, %v, want the user, and an error that names the role left", user, err)
		}
	})
	t.Run("and nothing can be read after it", func(t *testing.T) {
		t.Parallel()
		proxy := etcdtest.NewProxy(t, server.URL())
		proxy.Inject(etcdtest.Rule{Method: http.MethodPut, Times: 1, Action: etcdtest.DropAnswer()})
		proxy.Inject(etcdtest.Rule{Method: http.MethodGet, Action: etcdtest.CutBefore()})
		_, err := authClientOf(t, proxy.URL()).Users.Create(t.Context(), "g", "secret", nil)
		wantError(t, "create", err, etcdv2.ErrOutcomeUnknown)
		if errors.Is(err, etcdv2.ErrExists) {
			t.Errorf("Create() = %v, which takes the user that it has made for another one", err)
		}
	})
	t.Run("of a user that a rival created", func(t *testing.T) {
		t.Parallel()
		client := through(t, 0, 1, func(x *etcdtest.Exchange) {
			server.JSON(t, http.MethodPut, users+"/e", map[string]any{"user": "e", "password": "theirs"})
			x.Cut()
		})
		_, err := client.Users.Create(t.Context(), "e", "secret", nil)
		wantError(t, "create", err, etcdv2.ErrExists)
	})
	t.Run("nothing arrives", func(t *testing.T) {
		t.Parallel()
		_, err := through(t, 0, 0, etcdtest.CutBefore()).Users.Create(t.Context(), "f", "secret", nil)
		wantError(t, "create", err, etcdv2.ErrOutcomeUnknown)
	})
}

// A caller who goes away once the server has answered learns that the change was made.
func TestUsersService_Update_interruptedAfterTheAnswer(t *testing.T) {
	t.Parallel()
	server := etcdtest.Start(t)
	server.JSON(t, http.MethodPut, users+"/a", map[string]any{"user": "a", "password": "secret"})
	proxy := etcdtest.NewProxy(t, server.URL())
	ctx, interrupt := context.WithCancel(t.Context())
	proxy.Inject(etcdtest.Rule{Method: http.MethodGet, Path: users + "/a", Action: func(x *etcdtest.Exchange) { interrupt(); x.Forward() }})
	client := newAuthClient(t, etcdv2.Options{Endpoints: []string{proxy.URL()}, SettleTime: etcdv2.SettleTime})
	user, err := client.Users.Update(ctx, "a", etcdv2.UserUpdate{Grant: []string{"root"}})
	if err != nil || !slices.Equal(user.Held(), []string{"root"}) {
		t.Errorf("Update() = %v, %v, want the role root", user, err)
	}
}

// A change that was made, and that nobody could read back, is not reported as one that was not made.
func TestUsersService_Grant_notReadBack(t *testing.T) {
	t.Parallel()
	server := etcdtest.Start(t)
	server.JSON(t, http.MethodPut, users+"/a", map[string]any{"user": "a", "password": "secret"})
	proxy := etcdtest.NewProxy(t, server.URL())
	client := authClientOf(t, proxy.URL())
	for _, change := range []func(ctx context.Context, user string, roles ...string) (*etcdv2.User, error){
		client.Users.Grant, client.Users.Revoke,
	} {
		proxy.Clear()
		proxy.Inject(etcdtest.Rule{Method: http.MethodPut, Action: etcdtest.InterceptAnswer(func(etcdtest.Request) {
			proxy.Inject(etcdtest.Rule{Method: http.MethodGet, Action: etcdtest.Respond(http.StatusGatewayTimeout, nil, "time-out")})
		})})
		_, err := change(t.Context(), "a", "root")
		wantError(t, "a change that cannot be read back", err, etcdv2.ErrOutcomeUnknown)
	}
}

// A caller who goes away while the answer is under way learns what became of the change.
func TestAuth_interruptedBeforeTheAnswer(t *testing.T) {
	t.Parallel()
	server := etcdtest.Start(t)
	for name, change := range map[string]func(ctx context.Context, client *etcdv2.Client) error{
		"create user": func(ctx context.Context, client *etcdv2.Client) error {
			user, err := client.Users.Create(ctx, "new", "secret", nil)
			if user == nil || user.Name != "new" {
				t.Errorf("Create() = %v, %v, want the user, which exists", user, err)
			}
			return nil // its marker may still be there
		},
		"create role": func(ctx context.Context, client *etcdv2.Client) error {
			role, _ := client.Roles.Create(ctx, "new", etcdv2.Permissions{})
			if role == nil || role.Name != "new" {
				t.Errorf("Create() = %v, want the role, which exists", role)
			}
			return nil // it may not be read again
		},
		"delete user": func(ctx context.Context, client *etcdv2.Client) error { return client.Users.Delete(ctx, "old") },
		"delete role": func(ctx context.Context, client *etcdv2.Client) error { return client.Roles.Delete(ctx, "old") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			verb, kind, _ := strings.Cut(name, " ")
			if verb == "delete" {
				server.JSON(t, http.MethodPut, "/v2/auth/"+kind+"s/old", map[string]any{kind: "old", "password": "secret"})
			}
			proxy := etcdtest.NewProxy(t, server.URL())
			ctx, interrupt := context.WithCancel(t.Context())
			isWrite := func(r etcdtest.Request) bool { return r.Method != http.MethodGet }
			proxy.Inject(etcdtest.Rule{Match: isWrite, Action: func(x *etcdtest.Exchange) { x.Fetch(); interrupt(); x.Cut() }})
			if err := change(ctx, newAuthClient(t, etcdv2.Options{Endpoints: []string{proxy.URL()}, SettleTime: etcdv2.SettleTime})); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestUsersService_Update_lostAnswer(t *testing.T) {
	t.Parallel()
	server := etcdtest.Start(t)
	proxy := etcdtest.NewProxy(t, server.URL())
	ctx, client := t.Context(), authClientOf(t, proxy.URL())
	for _, role := range []string{"r1", "r2"} {
		if _, err := client.Roles.Create(ctx, role, etcdv2.Permissions{}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := client.Users.Create(ctx, "a", "secret", nil); err != nil {
		t.Fatal(err)
	}
	lose := func(method string, action etcdtest.Action) {
		proxy.Clear()
		proxy.Reset()
		proxy.Inject(etcdtest.Rule{Method: method, Path: "/v2/auth/", Times: 1, Action: action})
	}
	lose(http.MethodPut, etcdtest.DropAnswer())
	if user, err := client.Users.Grant(ctx, "a", "r1"); err != nil || !slices.Equal(user.Roles, []string{"r1"}) {
		t.Errorf("Grant() = %v, %v, want r1", user, err)
	}
	lose(http.MethodPut, etcdtest.CutBefore())
	_, err := client.Users.Grant(ctx, "a", "r2")
	wantError(t, "grant that never arrived", err, etcdv2.ErrOutcomeUnknown)
	if n := proxy.Count(http.MethodPut, users); n != 1 {
		t.Errorf("the grant was sent %d times, want once", n)
	}
	lose(http.MethodPut, etcdtest.DropAnswer())
	wantError(t, "password", client.Users.ChangePassword(ctx, "a", "other"), etcdv2.ErrOutcomeUnknown)
	lose(http.MethodDelete, etcdtest.DropAnswer())
	if err := client.Users.Delete(ctx, "a"); err != nil {
		t.Errorf("Delete() after a lost answer: %v", err)
	}
	lose(http.MethodPut, etcdtest.DropAnswer())
	if role, err := client.Roles.Grant(ctx, "r1", etcdv2.Permissions{Read: []string{"/x"}}); err != nil ||
		!slices.Equal(role.Read, []string{"/x"}) {
		t.Errorf("Roles.Grant() = %v, %v, want /x", role, err)
	}
	lose(http.MethodPut, etcdtest.DropAnswer())
	if role, err := client.Roles.Create(ctx, "r3", etcdv2.Permissions{Read: []string{"/x"}}); err != nil ||
		!slices.Equal(role.Read, []string{"/x"}) {
		t.Errorf("Roles.Create() = %v, %v, want /x", role, err)
	}
	lose(http.MethodPut, etcdtest.CutBefore())
	_, err = client.Roles.Create(ctx, "r3", etcdv2.Permissions{Read: []string{"/x"}})
	wantError(t, "create an existing role", err, etcdv2.ErrExists)
	lose(http.MethodDelete, etcdtest.DropAnswer())
	if err := client.Roles.Delete(ctx, "r3"); err != nil {
		t.Errorf("Roles.Delete() after a lost answer: %v", err)
	}
}

func TestUsersService_overwrittenByARival(t *testing.T) {
	t.Parallel()
	server := etcdtest.Start(t)
	proxy := etcdtest.NewProxy(t, server.URL())
	ctx, client := t.Context(), authClientOf(t, proxy.URL())
	if _, err := client.Users.Create(ctx, "a", "secret", nil); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Roles.Create(ctx, "r", etcdv2.Permissions{}); err != nil {
		t.Fatal(err)
	}
	proxy.Inject(etcdtest.Rule{Method: http.MethodPut, Path: users, Times: 1, Action: etcdtest.InterceptAnswer(func(etcdtest.Request) {
		server.JSON(t, http.MethodPut, users+"/a", map[string]any{"user": "a", "revoke": []string{"r"}})
	})})
	_, err := client.Users.Grant(ctx, "a", "r")
	wantError(t, "grant", err, etcdv2.ErrOverwritten)
	proxy.Inject(etcdtest.Rule{Method: http.MethodPut, Path: roles, Times: 1, Action: etcdtest.InterceptAnswer(func(etcdtest.Request) {
		server.JSON(
			t, http.MethodPut, roles+"/r", map[string]any{"role": "r", "revoke": map[string]any{"kv": map[string]any{"write": []string{"/w"}}}},
		)
	})})
	_, err = client.Roles.Grant(ctx, "r", etcdv2.Permissions{Write: []string{"/w"}})
	wantError(t, "grant", err, etcdv2.ErrOverwritten)
}

func TestUsersService_danglingRoles(t *testing.T) {
	t.Parallel()
	server := etcdtest.Start(t)
	ctx, client := t.Context(), authClientOf(t, server.URL())
	for _, role := range []string{"r1", "r2 does not exist. ", "r3"} {
		if _, err := client.Roles.Create(ctx, role, etcdv2.Permissions{}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := client.Users.Create(ctx, "a", "secret", []string{"r1", "r2 does not exist. ", "r3"}); err != nil {
		t.Fatal(err)
	}
	if err := client.Roles.Delete(ctx, "r2 does not exist. "); err != nil {
		t.Fatal(err)
	}
	if !expected(t).describesRoles {
		testNamedDanglingRole(t, client)
		return
	}
	_, err := client.Users.Get(ctx, "a")
	wantError(t, "get", err, etcdv2.ErrDanglingRole)
	if errors.Is(err, etcdv2.ErrNotFound) {
		t.Errorf("a dangling role is reported as an absent user: %v", err)
	}
	if role, ok := etcdv2.MissingRole(err); !ok || role != "r2 does not exist. " {
		t.Errorf("MissingRole() = %q, %t", role, ok)
	}
	user, err := client.Users.GetPartial(ctx, "a")
	if err != nil || user.MissingRole != "r2 does not exist. " || !slices.Equal(user.Roles, []string{"r1", "r3"}) {
		t.Errorf("GetPartial() = %+v, %v", user, err)
	}
	user, err = client.Users.Update(ctx, "a", etcdv2.UserUpdate{Revoke: []string{user.MissingRole}, From: user.Held()})
	if err != nil || user.MissingRole != "" || !slices.Equal(user.Roles, []string{"r1", "r3"}) {
		t.Errorf("Update() = %+v, %v", user, err)
	}
	user, err = client.Users.Create(ctx, "b", "secret", []string{"nowhere"})
	if err != nil || user.MissingRole != "nowhere" {
		t.Errorf("Create() with a role that does not exist = %+v, %v", user, err)
	}
}

// testNamedDanglingRole reads the user of TestUsersService_danglingRoles from a server that
// returns the names of roles, whether they exist or not.
func testNamedDanglingRole(t *testing.T, client *etcdv2.Client) {
	t.Helper()
	all := []string{"r1", "r2 does not exist. ", "r3"}
	user, err := client.Users.Get(t.Context(), "a")
	if err != nil || user.MissingRole != "" || !slices.Equal(user.Roles, all) {
		t.Errorf("Get() = %+v, %v, want the roles %q", user, err, all)
	}
	user, err = client.Users.Revoke(t.Context(), "a", all[1])
	if err != nil || !slices.Equal(user.Roles, []string{"r1", "r3"}) {
		t.Errorf("Revoke() = %+v, %v, want r1 and r3", user, err)
	}
}

// TestUsersService_parallelGrants checks that all concurrent grants are kept. A server alone
// keeps only a few of them.
func TestUsersService_parallelGrants(t *testing.T) {
	t.Parallel()
	server := etcdtest.Start(t)
	ctx, client := t.Context(), authClientOf(t, server.URL())
	if _, err := client.Users.Create(ctx, "a", "secret", nil); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Roles.Create(ctx, "shared", etcdv2.Permissions{}); err != nil {
		t.Fatal(err)
	}
	var names, patterns []string
	var wg sync.WaitGroup
	for i := range 16 {
		name := fmt.Sprintf("r%02d", i)
		names, patterns = append(names, name), append(patterns, "/"+name)
		if _, err := client.Roles.Create(ctx, name, etcdv2.Permissions{}); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range names {
		wg.Go(func() {
			if _, err := client.Users.Grant(ctx, "a", name); err != nil {
				t.Errorf("Users.Grant(%s): %v", name, err)
			}
		})
		wg.Go(func() {
			if _, err := client.Roles.Grant(ctx, "shared", etcdv2.Permissions{Write: []string{"/" + name}}); err != nil {
				t.Errorf("Roles.Grant(%s): %v", name, err)
			}
		})
	}
	wg.Wait()
	if user, err := client.Users.Get(ctx, "a"); err != nil || !slices.Equal(user.Roles, names) {
		t.Errorf("Get() = %v, %v, want %v", user, err, names)
	}
	if role, err := client.Roles.Get(ctx, "shared"); err != nil || !slices.Equal(role.Write, patterns) {
		t.Errorf("Get() = %v, %v, want %v", role, err, patterns)
	}
}

func TestUsersService_canceledWhileItWaitsForItsTurn(t *testing.T) {
	t.Parallel()
	server := etcdtest.Start(t)
	proxy := etcdtest.NewProxy(t, server.URL())
	client := authClientOf(t, proxy.URL())
	ctx := t.Context()
	if _, err := client.Users.Create(ctx, "a", "secret", nil); err != nil {
		t.Fatal(err)
	}
	arrived, release := make(chan struct{}), make(chan struct{})
	proxy.Inject(etcdtest.Rule{Method: http.MethodPut, Times: 1, Action: etcdtest.Intercept(func(etcdtest.Request) {
		close(arrived)
		<-release
	})})
	done := make(chan error, 1)
	go func() {
		_, err := client.Users.Grant(ctx, "a", "root")
		done <- err
	}()
	receive(t, "the request", arrived)
	canceled, cancel := context.WithCancel(ctx)
	cancel()
	_, err := client.Users.Grant(canceled, "a", "guest")
	wantError(t, "grant", err, context.Canceled)
	close(release)
	if err := receive(t, "Grant()", done); err != nil {
		t.Error(err)
	}
}

// TestUsersService_laggingFollower reads through a follower that is stopped while the other
// nodes commit changes.
func TestUsersService_laggingFollower(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.StartCluster(t, 3)
	ctx := t.Context()
	follower := cluster.Followers(t)[0]
	leader := authClientOf(t, cluster.Leader(t).URL())
	lagging := authClientOf(t, follower.URL())
	for i := range 10 {
		name := fmt.Sprintf("u%d", i)
		follower.Pause(t)
		if _, err := leader.Roles.Create(ctx, "r"+name, etcdv2.Permissions{}); err != nil {
			t.Fatal(err)
		}
		if _, err := leader.Users.Create(ctx, name, "secret", []string{"r" + name}); err != nil {
			t.Fatal(err)
		}
		follower.Resume(t)
		if user, err := lagging.Users.Get(ctx, name); err != nil || user.Name != name {
			t.Fatalf("Get() from a lagging follower = %v, %v", user, err)
		}
		if role, err := lagging.Roles.Get(ctx, "r"+name); err != nil || role.Name != "r"+name {
			t.Fatalf("Get() from a lagging follower = %v, %v", role, err)
		}
	}
}

func TestUsersService_withoutQuorumNothingIsAbsent(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.StartCluster(t, 3)
	client := newAuthClient(t, etcdv2.Options{
		Endpoints: []string{cluster.Servers[0].URL()}, RequestTimeout: 2 * time.Second, Retry: etcdv2.RetryPolicy{MaxAttempts: 1},
	})
	cluster.Servers[1].Kill(t)
	cluster.Servers[2].Kill(t)
	_, err := client.Users.Get(t.Context(), "nobody")
	if err == nil || errors.Is(err, etcdv2.ErrNotFound) {
		t.Errorf("Get() without quorum: %v, want an error that is not ErrNotFound", err)
	}
}

func TestRolesService(t *testing.T) {
	t.Parallel()
	server := etcdtest.Start(t)
	ctx, client := t.Context(), authClientOf(t, server.URL())
	role, err := client.Roles.Create(ctx, "r", etcdv2.Permissions{Read: []string{"/b", "/a", "/b"}})
	want := &etcdv2.Role{Name: "r", Permissions: etcdv2.Permissions{Read: []string{"/a", "/b"}, Write: []string{}}}
	if diff := cmp.Diff(want, role); diff != "" || err != nil {
		t.Errorf("Create() (-want +got), %v:\n%s", err, diff)
	}
	_, err = client.Roles.Create(ctx, "r", etcdv2.Permissions{})
	wantError(t, "create twice", err, etcdv2.ErrExists)
	role, err = client.Roles.Update(ctx, "r", etcdv2.RoleUpdate{
		Grant:  etcdv2.Permissions{Write: []string{"/w/*"}},
		Revoke: etcdv2.Permissions{Read: []string{"/a", "/nowhere"}},
		From:   etcdv2.Permissions{Read: []string{"/b", "/a"}},
	})
	want.Permissions = etcdv2.Permissions{Read: []string{"/b"}, Write: []string{"/w/*"}}
	if diff := cmp.Diff(want, role); diff != "" || err != nil {
		t.Errorf("Update() (-want +got), %v:\n%s", err, diff)
	}
	_, err = client.Roles.Update(
		ctx, "r", etcdv2.RoleUpdate{Grant: etcdv2.Permissions{Read: []string{"/c"}}, From: etcdv2.Permissions{Read: []string{}}},
	)
	wantError(t, "update from other permissions", err, etcdv2.ErrCompareFailed)
	_, err = client.Roles.Grant(ctx, "r", etcdv2.Permissions{Read: []string{"/b"}})
	wantError(t, "grant of an existing permission", err, etcdv2.ErrGranted)
	_, err = client.Roles.Revoke(ctx, "r", etcdv2.Permissions{Write: []string{"/b"}})
	wantError(t, "revoke of an absent permission", err, etcdv2.ErrNotGranted)
	_, err = client.Roles.Grant(ctx, "none", etcdv2.Permissions{Read: []string{"/b"}})
	wantError(t, "grant to an absent role", err, etcdv2.ErrNotFound)
	_, err = client.Roles.Get(ctx, "none")
	wantError(t, "get an absent role", err, etcdv2.ErrNotFound)
	_, err = client.Roles.Grant(ctx, "root", etcdv2.Permissions{Read: []string{"/b"}})
	wantError(t, "change the role root", err, etcdv2.ErrForbidden)
	wantError(t, "delete the role root", client.Roles.Delete(ctx, "root"), etcdv2.ErrForbidden)
	if _, err := client.Roles.Get(ctx, "r"); err != nil {
		t.Error(err)
	}
	list, err := client.Roles.List(ctx)
	if err != nil || len(list) != 2 || list[0].Name != "r" || list[1].Name != "root" || !slices.Equal(list[1].Write, []string{"/*"}) {
		t.Errorf("List() = %v, %v", list, err)
	}
	if err := client.Roles.Delete(ctx, "r"); err != nil {
		t.Error(err)
	}
	wantError(t, "delete twice", client.Roles.Delete(ctx, "r"), etcdv2.ErrNotFound)
}

// TestPermits compares Permits with what a server permits.
func TestPermits(t *testing.T) {
	t.Parallel()
	server := etcdtest.Start(t, etcdtest.WithAuth(rootPassword))
	ctx, root := t.Context(), rootClientOf(t, server.URL())
	for i, pattern := range []string{"/p", "/p/*", "/p*", "*", "/*", "noslash", "/p/*/y", "/p/**"} {
		role, name := fmt.Sprintf("r%d", i), fmt.Sprintf("u%d", i)
		if _, err := root.Roles.Create(ctx, role, etcdv2.Permissions{Read: []string{pattern}}); err != nil {
			t.Fatal(err)
		}
		if _, err := root.Users.Create(ctx, name, "secret", []string{role}); err != nil {
			t.Fatal(err)
		}
		client := newAuthClient(t, etcdv2.Options{Endpoints: []string{server.URL()}, Username: name, Password: "secret"})
		for _, key := range []string{"/p", "/p/x", "/pother", "/p/*/y"} {
			_, err := client.Keys.Get(ctx, key, etcdv2.GetOptions{})
			if want := !errors.Is(err, etcdv2.ErrUnauthorized); etcdv2.Permits([]string{pattern}, key) != want {
				t.Errorf("Permits(%q, %q) = %t, the server says %t", pattern, key, !want, want)
			}
			_, err = client.Keys.List(ctx, key, etcdv2.GetOptions{Recursive: true})
			if want := !errors.Is(err, etcdv2.ErrUnauthorized); etcdv2.PermitsRecursive([]string{pattern}, key) != want {
				t.Errorf("PermitsRecursive(%q, %q) = %t, the server says %t", pattern, key, !want, want)
			}
		}
	}
}

// TestAuthShapes reads the answers of etcd 2.1 and 2.2.
func TestAuthShapes(t *testing.T) {
	t.Parallel()
	client := scripted(t, map[string]string{
		users:            `{"users":["bob","alice"]}`,
		users + "/alice": `{"user":"alice","roles":["r2","r1","r1"]}`,
		users + "/bob":   `{"user":"bob","roles":null}`,
		users + "/carl":  `{"user":"carl","roles":[]}`,
		users + "/dora":  `{"user":"dora","roles":[{"role":"r1","permissions":{"kv":{"read":null,"write":["/w"]}}}]}`,
		users + "/eve":   `{"user":"somebody"}`,
		roles:            `{"roles":["root","r1","gone"]}`,
		roles + "/r1":    `{"role":"r1","permissions":{"kv":{"read":null,"write":["/w"]}}}`,
		roles + "/root":  `{"role":"root","permissions":{"kv":{"read":["*"],"write":["*"]}}}`,
		roles + "/odd":   `{"role":"else"}`,
	})
	ctx := t.Context()
	list, err := client.Users.List(ctx)
	if diff := cmp.Diff([]*etcdv2.User{{Name: "alice", Roles: []string{"r1", "r2"}}, {Name: "bob"}}, list); diff != "" || err != nil {
		t.Errorf("List() (-want +got), %v:\n%s", err, diff)
	}
	granted := []etcdv2.Role{{Name: "r1", Permissions: etcdv2.Permissions{Read: []string{}, Write: []string{"/w"}}}}
	for _, want := range []*etcdv2.User{
		{Name: "alice", Roles: []string{"r1", "r2"}}, {Name: "bob"}, {Name: "carl"}, {Name: "dora", Roles: []string{"r1"}, Granted: granted},
	} {
		got, err := client.Users.Get(ctx, want.Name)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("Get() (-want +got), %v:\n%s", err, diff)
		}
	}
	if holders, err := client.Users.Holders(ctx, "r2"); err != nil || !slices.Equal(holders, []string{"alice"}) {
		t.Errorf("Holders() = %v, %v, want alice", holders, err)
	}
	all, err := client.Roles.List(ctx)
	wantRoles := []*etcdv2.Role{
		{Name: "r1", Permissions: etcdv2.Permissions{Read: []string{}, Write: []string{"/w"}}},
		{Name: "root", Permissions: etcdv2.Permissions{Read: []string{"*"}, Write: []string{"*"}}},
	}
	if diff := cmp.Diff(wantRoles, all); diff != "" || err != nil {
		t.Errorf("Roles.List() (-want +got), %v:\n%s", err, diff)
	}
	_, err = client.Users.Get(ctx, "eve")
	wantError(t, "another user", err, etcdv2.ErrInvalidAnswer)
	_, err = client.Roles.Get(ctx, "odd")
	wantError(t, "another role", err, etcdv2.ErrInvalidAnswer)
	if enabled, err := client.Auth.Status(ctx); err == nil {
		t.Errorf("Status() of a server without auth = %t, want an error", enabled)
	}
}

// After a change of its own user's password, the client continues with the new one. This
// is also the case if the answer was lost, and for requests that were in flight.
func TestUsersService_Update_ownPassword(t *testing.T) {
	t.Parallel()
	server := etcdtest.Start(t, etcdtest.WithAuth(rootPassword))
	proxy := etcdtest.NewProxy(t, server.URL())
	client := newClient(t, etcdv2.Options{Endpoints: []string{proxy.URL()}, Username: "root", Password: rootPassword})
	for i, lost := range []bool{false, true} {
		if lost {
			proxy.Inject(etcdtest.Rule{Method: http.MethodPut, Path: "/v2/auth/users/root", Times: 1, Action: etcdtest.DropAnswer()})
		}
		password := fmt.Sprintf("new-%d", i)
		if err := client.Users.ChangePassword(t.Context(), "root", password); err != nil {
			t.Fatalf("ChangePassword(lost: %t) error = %v", lost, err)
		}
		if _, err := client.Users.Get(t.Context(), "root"); err != nil {
			t.Errorf("Get() error = %v after the change (lost: %t)", err, lost)
		}
		server.SetCredentials("root", password)
	}
	// The change is not applied, so the client keeps the old password, which works.
	proxy.Inject(etcdtest.Rule{Method: http.MethodPut, Path: "/v2/auth/users/root", Times: 1, Action: etcdtest.CutBefore()})
	if err := client.Users.ChangePassword(t.Context(), "root", "never"); !errors.Is(err, etcdv2.ErrOutcomeUnknown) {
		t.Errorf("ChangePassword() error = %v, want ErrOutcomeUnknown", err)
	}
	if _, err := client.Users.Get(t.Context(), "root"); err != nil {
		t.Errorf("Get() error = %v after a change that was not applied", err)
	}
	// A request that a server rejected with the old password is sent again.
	changed := false
	proxy.Inject(
		etcdtest.Rule{Method: http.MethodGet, Path: "/v2/auth/roles/guest", Times: 1, Action: etcdtest.Intercept(func(etcdtest.Request) {
			changed = client.Users.ChangePassword(t.Context(), "root", "last") == nil
		})},
	)
	if _, err := client.Roles.Get(t.Context(), "guest"); err != nil || !changed {
		t.Errorf("Get() error = %v, changed: %t", err, changed)
	}
}

// A name that no request can contain is listed nevertheless, even by servers that list only
// names.
func TestAuth_listsNamesThatCannotBeAskedFor(t *testing.T) {
	t.Parallel()

	s := etcdtest.Start(t)
	const name = "a\x00b"
	s.JSON(t, http.MethodPut, "/v2/auth/roles/"+name, map[string]any{"role": name})
	s.JSON(t, http.MethodPut, "/v2/auth/roles/plain", map[string]any{"role": "plain"})
	s.JSON(t, http.MethodPut, "/v2/auth/users/"+name, map[string]any{"user": name, "password": "x"})
	c := newClient(t, etcdv2.Options{Endpoints: []string{s.URL()}})
	roles, err := c.Roles.List(t.Context())
	isOdd := func(r *etcdv2.Role) bool { return r.Name == name }
	if err != nil || !slices.ContainsFunc(roles, isOdd) ||
		!slices.ContainsFunc(roles, func(r *etcdv2.Role) bool { return r.Name == "plain" }) {
		t.Errorf("Roles.List() = %v, %v, want both", roles, err)
	}
	users, err := c.Users.List(t.Context())
	if err != nil || len(users) != 1 || users[0].Name != name {
		t.Fatalf("Users.List() = %v, %v, want the only one", users, err)
	}
	if _, err := c.Users.Holders(t.Context(), "plain"); (err != nil) != users[0].Unread {
		t.Errorf("Holders() error = %v, want one: %v", err, users[0].Unread)
	}
}
