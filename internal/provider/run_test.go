package provider

import (
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"

	"github.com/etcdv2/terraform-provider-etcd/internal/cli"
	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
)

// ownership is a change after which several objects of a configuration manage the same object of
// the store in one run.
type ownership struct {
	// before and after are configurations. PREFIX is replaced by a path of the test's own, NAME
	// by a name, and ADOPT by the value of adopt_existing.
	before, after string
	// args are given to the apply too.
	args []string
	// refused is a text of the error that is allowed without adopt_existing, and planRefused a
	// text of an error at plan time that is always allowed.
	refused, planRefused string
	// leaves are the addresses that are removed from state after that.
	leaves []string
	// keys are the keys below PREFIX that the store must contain in the end.
	keys map[string]string
	// check checks everything else. Without keys it is the only check.
	check func(t *testing.T, s *etcdtest.Server, name string)
}

// replaced returns a configuration that is applied twice, the second time with -replace.
func replaced(configuration, address string) ownership {
	return ownership{before: configuration, after: configuration, args: []string{"-replace=" + address}, refused: "already"}
}

const createBeforeDestroy = "\n  lifecycle {\n    create_before_destroy = true\n  }\n"

// rotation returns three objects that swap what they manage.
func rotation(resource, attribute, more string) (before, after string) {
	text := func(a, b, c string) string {
		return fmt.Sprintf("resource %q \"test\" {\n  for_each = { x = %q, y = %q, z = %q }\n  %s = each.value\n  %s\n"+
			"  adopt_existing = ADOPT\n}\n",
			resource, a, b, c, attribute, more)
	}
	return text("PREFIX/a", "PREFIX/b", "PREFIX/c"), text("PREFIX/b", "PREFIX/c", "PREFIX/a")
}

func ownershipCases() map[string]ownership {
	key := "resource \"etcd_key\" \"test\" {\n  key = \"PREFIX/a\"\n  value = \"v\"\n  adopt_existing = ADOPT\n%s}\n"
	prefix := "resource \"etcd_key_prefix\" \"test\" {\n  prefix = \"PREFIX\"\n  keys = { a = \"v\", b = \"w\" }\n" +
		"  adopt_existing = ADOPT\n%s}\n"
	dir := "resource \"etcd_dir\" \"test\" {\n  path = \"PREFIX/d\"\n  adopt_existing = ADOPT\n  force_destroy = true\n%s}\n"
	both := "resource \"etcd_key\" \"test\" {\n  for_each = { a = \"v\", b = \"w\" }\n  key = \"PREFIX/${each.key}\"\n  value = each.value\n" +
		"  adopt_existing = ADOPT\n}\n"
	ab := map[string]string{"a": "v", "b": "w"}
	cases := map[string]ownership{
		"key, -replace":             replaced(fmt.Sprintf(key, ""), "etcd_key.test"),
		"key, create first":         replaced(fmt.Sprintf(key, createBeforeDestroy), "etcd_key.test"),
		"prefix, -replace":          replaced(fmt.Sprintf(prefix, ""), "etcd_key_prefix.test"),
		"prefix, create first":      replaced(fmt.Sprintf(prefix, createBeforeDestroy), "etcd_key_prefix.test"),
		"directory, -replace":       replaced(fmt.Sprintf(dir, ""), "etcd_dir.test"),
		"directory, create first":   replaced(fmt.Sprintf(dir, createBeforeDestroy), "etcd_dir.test"),
		"keys move into a prefix":   {before: both, after: fmt.Sprintf(prefix, ""), refused: "already exists", keys: ab},
		"keys move out of a prefix": {before: fmt.Sprintf(prefix, ""), after: both, refused: "already exists", keys: ab},
		"keys move between prefixes": {
			before: "resource \"etcd_key_prefix\" \"one\" {\n  prefix = \"PREFIX\"\n  keys = { a = \"v\", b = \"w\" }\n}\n" +
				"resource \"etcd_key_prefix\" \"two\" {\n  prefix = \"PREFIX\"\n  keys = {}\n  adopt_existing = ADOPT\n}\n",
			after: "resource \"etcd_key_prefix\" \"one\" {\n  prefix = \"PREFIX\"\n  keys = { b = \"w\" }\n}\n" +
				"resource \"etcd_key_prefix\" \"two\" {\n  prefix = \"PREFIX\"\n  keys = { a = \"v\" }\n  adopt_existing = ADOPT\n}\n",
			refused: "already exists", keys: ab,
		},
		"one of two objects of a key is removed": {
			before: fmt.Sprintf(key, "") + "resource \"etcd_key\" \"same\" {\n  key = \"PREFIX/a\"\n  value = \"v\"\n  adopt_existing = true\n" +
				"  depends_on = [etcd_key.test]\n}\n",
			after: "resource \"etcd_key\" \"same\" {\n  key = \"PREFIX/a\"\n  value = \"w\"\n  adopt_existing = true\n}\n",
			keys:  map[string]string{"a": "w"},
		},
		"one of two objects of a key is removed, the other is unchanged": {
			before: fmt.Sprintf(key, "") + "resource \"etcd_key\" \"same\" {\n  key = \"PREFIX/a\"\n  value = \"v\"\n  adopt_existing = true\n" +
				"  depends_on = [etcd_key.test]\n}\n",
			after: "resource \"etcd_key\" \"same\" {\n  key = \"PREFIX/a\"\n  value = \"v\"\n  adopt_existing = true\n}\n",
			keys:  map[string]string{"a": "v"}, leaves: []string{"etcd_key.test"}, planRefused: "Deleted here and needed there",
		},
		"a directory is deleted by force, a key in it is created": {
			before: "resource \"etcd_dir\" \"test\" {\n  path = \"PREFIX/d\"\n  force_destroy = true\n}\n",
			after:  "resource \"etcd_key\" \"test\" {\n  key = \"PREFIX/d/k\"\n  value = \"v\"\n  adopt_existing = ADOPT\n}\n",
			keys:   map[string]string{"d/k": "v"},
		},
		"the last of two objects of one key is removed": {
			before: fmt.Sprintf(key, "") + "resource \"etcd_key_prefix\" \"other\" {\n  prefix = \"PREFIX\"\n  keys = { a = \"v\" }\n" +
				"  adopt_existing = true\n  depends_on = [etcd_key.test]\n}\n",
			after: "resource \"etcd_key_prefix\" \"other\" {\n  prefix = \"PREFIX\"\n  keys = { a = \"v\", b = \"w\" }\n" +
				"  adopt_existing = true\n}\n",
			keys: ab,
		},
	}
	for _, name := range []string{"key, -replace", "key, create first"} {
		c := cases[name]
		c.keys = map[string]string{"a": "v"}
		cases[name] = c
	}
	for _, name := range []string{"prefix, -replace", "prefix, create first"} {
		c := cases[name]
		c.keys = ab
		cases[name] = c
	}
	hasDir := func(t *testing.T, s *etcdtest.Server, prefix string) {
		t.Helper()
		if !s.Get(t, prefix+"/d").Node.Dir {
			t.Error("the directory does not exist")
		}
	}
	for _, name := range []string{"directory, -replace", "directory, create first"} {
		c := cases[name]
		c.check = hasDir
		cases[name] = c
	}
	before, after := rotation("etcd_key", "key", "value = each.key")
	cases["keys rotate"] = ownership{
		before: before, after: after, refused: "already exists", keys: map[string]string{"a": "z", "b": "x", "c": "y"},
	}
	before, after = rotation("etcd_key", "key", "value = \"same\"")
	cases["equal keys rotate"] = ownership{
		before: before, after: after, refused: "already exists", keys: map[string]string{"a": "same", "b": "same", "c": "same"},
	}
	before, after = rotation("etcd_key_prefix", "prefix", "keys = { k = each.key }")
	cases["prefixes rotate"] = ownership{
		before: before, after: after, refused: "already exists", keys: map[string]string{"a/k": "z", "b/k": "x", "c/k": "y"},
	}
	before, after = rotation("etcd_dir", "path", "")
	cases["directories rotate"] = ownership{
		before: before, after: after, refused: "already exists", check: func(t *testing.T, s *etcdtest.Server, prefix string) {
			t.Helper()
			for _, name := range []string{"a", "b", "c"} {
				if !s.Get(t, prefix+"/"+name).Node.Dir {
					t.Errorf("the directory %s does not exist", name)
				}
			}
		},
	}
	maps.Copy(cases, authOwnershipCases())
	maps.Copy(cases, inOrderOwnershipCases())
	return cases
}

// authOwnershipCases returns the cases of users, roles, grants and permissions.
func authOwnershipCases() map[string]ownership {
	role := "resource \"etcd_role\" \"test\" {\n  name = \"NAME\"\n  kv_read = [\"/a\", \"/b\"]\n  kv_write = []\n" +
		"  adopt_existing = ADOPT\n%s}\n"
	user := "resource \"etcd_user\" \"test\" {\n  name = \"NAME\"\n  password = \"pw\"\n" +
		"  roles = [etcd_role.r[0].name, etcd_role.r[1].name]\n  adopt_existing = ADOPT\n%s}\n"
	roles := "resource \"etcd_role\" \"r\" {\n  count = 2\n  name = \"NAME-${count.index}\"\n}\n"
	bareUser := roles + "resource \"etcd_user\" \"test\" {\n  name = \"NAME\"\n  password = \"pw\"\n}\n"
	grants := "resource \"etcd_user_role\" \"test\" {\n  for_each = { x = %d, y = %d }\n  user = \"NAME\"\n  role = \"NAME-${each.value}\"\n" +
		"  adopt_existing = ADOPT\n  depends_on = [etcd_user.test, etcd_role.r]\n%s}\n"
	bareRole := "resource \"etcd_role\" \"test\" {\n  name = \"NAME\"\n%s}\n"
	permissions := "resource \"etcd_role_permission\" \"test\" {\n  for_each = { x = %q, y = %q }\n  role = \"NAME\"\n  access = \"read\"\n" +
		"  pattern = each.value\n" +
		"  adopt_existing = ADOPT\n  depends_on = [etcd_role.test]\n%s}\n"
	hasBoth := func(t *testing.T, s *etcdtest.Server, prefix string) {
		t.Helper()
		name := strings.TrimPrefix(prefix, "/")
		if answer := s.JSON(t, http.MethodGet, "/v2/auth/users/"+name, nil); !strings.Contains(string(answer.Body), name+"-0") ||
			!strings.Contains(string(answer.Body), name+"-1") {
			t.Errorf("user = %s, want two roles", answer.Body)
		}
	}
	reads := func(t *testing.T, s *etcdtest.Server, prefix string) {
		t.Helper()
		if answer := s.JSON(t, http.MethodGet, "/v2/auth/roles/"+
			strings.TrimPrefix(prefix, "/"), nil); !strings.Contains(string(answer.Body), `"read":["/a","/b"]`) {
			t.Errorf("role = %s, want read permissions for /a and /b", answer.Body)
		}
	}
	cases := map[string]ownership{
		"role, -replace":       replaced(fmt.Sprintf(role, ""), "etcd_role.test"),
		"role, create first":   replaced(fmt.Sprintf(role, createBeforeDestroy), "etcd_role.test"),
		"permission, -replace": replaced(fmt.Sprintf(bareRole+permissions, "", "/a", "/b", ""), `etcd_role_permission.test["x"]`),
		"permission, create first": replaced(
			fmt.Sprintf(bareRole+permissions, "", "/a", "/b", createBeforeDestroy), `etcd_role_permission.test["x"]`,
		),
		"one of two objects of a permission is removed": {
			before: fmt.Sprintf(bareRole+permissions, "", "/a", "/b", "") + "resource \"etcd_role_permission\" \"same\" {\n  role = \"NAME\"\n" +
				"  access = \"read\"\n  pattern = \"/a\"\n" +
				"  adopt_existing = true\n  depends_on = [etcd_role_permission.test]\n}\n",
			after: fmt.Sprintf(bareRole, "") + "resource \"etcd_role_permission\" \"other\" {\n  role = \"NAME\"\n  access = \"read\"\n" +
				"  pattern = \"/b\"\n  adopt_existing = true\n}\n" +
				"resource \"etcd_role_permission\" \"same\" {\n  role = \"NAME\"\n  access = \"read\"\n  pattern = \"/a\"\n" +
				"  adopt_existing = false\n}\n",
		},
		"permissions rotate": {
			before: fmt.Sprintf(bareRole+permissions, "", "/a", "/b", ""), after: fmt.Sprintf(bareRole+permissions, "", "/b", "/a", ""),
			refused: "granted already",
		},
		"permissions move into a role": {
			before: fmt.Sprintf(bareRole+permissions, "", "/a", "/b", ""), after: fmt.Sprintf(bareRole, "  kv_read = [\"/a\", \"/b\"]\n"),
			leaves: []string{"etcd_role_permission.test"}, planRefused: "Deleted here and needed there",
		},
		"permissions move out of a role": {
			before: fmt.Sprintf(bareRole, "  kv_read = [\"/a\", \"/b\"]\n"), after: fmt.Sprintf(bareRole+permissions, "", "/a", "/b", ""),
			refused: "granted already",
		},
	}
	for name, c := range cases {
		c.check = reads
		cases[name] = c
	}
	users := map[string]ownership{
		"user, -replace":      replaced(roles+fmt.Sprintf(user, ""), "etcd_user.test"),
		"user, create first":  replaced(roles+fmt.Sprintf(user, createBeforeDestroy), "etcd_user.test"),
		"grant, -replace":     replaced(bareUser+fmt.Sprintf(grants, 0, 1, ""), `etcd_user_role.test["x"]`),
		"grant, create first": replaced(bareUser+fmt.Sprintf(grants, 0, 1, createBeforeDestroy), `etcd_user_role.test["x"]`),
		"one of two objects of a grant is removed": {
			before: bareUser + fmt.Sprintf(grants, 0, 1, "") + "resource \"etcd_user_role\" \"same\" {\n  user = \"NAME\"\n  role = \"NAME-0\"\n" +
				"  adopt_existing = true\n  depends_on = [etcd_user_role.test]\n}\n",
			after: bareUser + "resource \"etcd_user_role\" \"other\" {\n  user = \"NAME\"\n  role = \"NAME-1\"\n  adopt_existing = true\n" +
				"  depends_on = [etcd_user.test]\n}\n" +
				"resource \"etcd_user_role\" \"same\" {\n  user = \"NAME\"\n  role = \"NAME-0\"\n  adopt_existing = false\n}\n",
		},
		"grants rotate": {
			before: bareUser + fmt.Sprintf(grants, 0, 1, ""), after: bareUser + fmt.Sprintf(grants, 1, 0, ""), refused: "granted already",
		},
		"grants move into a user": {
			before: bareUser + fmt.Sprintf(grants, 0, 1, ""), after: roles + fmt.Sprintf(user, ""), leaves: []string{"etcd_user_role.test"},
			planRefused: "Deleted here and needed there",
		},
		"grants move out of a user": {
			before: roles + fmt.Sprintf(user, ""), after: bareUser + fmt.Sprintf(grants, 0, 1, ""), refused: "granted already",
		},
	}
	for name, c := range users {
		c.check = hasBoth
		cases[name] = c
	}
	return cases
}

// After a successful apply the store contains what is configured, whatever moves between its
// objects, and the next plan is empty.
func TestCLI_ownershipInOneRun(t *testing.T) {
	t.Parallel()

	l := newLab(t)
	for name, c := range ownershipCases() {
		for _, adopt := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, adopt %t", name, adopt), func(t *testing.T) {
				t.Parallel()
				l.tryOwnership(t, c, adopt)
			})
		}
	}
}

func (l *lab) tryOwnership(t *testing.T, c ownership, adopt bool) {
	t.Helper()
	own := etcdtest.Prefix(t)
	w := l.workspace(t, "1.0.0", l.server.URL(), "")
	write := func(configuration string) {
		writeFile(
			t, w, "objects.tf",
			strings.NewReplacer("PREFIX", own, "NAME", strings.TrimPrefix(own, "/"), "ADOPT", fmt.Sprint(adopt)).Replace(configuration),
		)
	}
	write(c.before)
	mustRun(t, w, 0, "apply", "-auto-approve")
	write(c.after)
	output, code, err := w.Run(t.Context(), append([]string{"apply", "-auto-approve"}, c.args...)...)
	if err != nil {
		t.Fatal(err)
	}
	if code != 0 {
		isPlanned := c.planRefused != "" && strings.Contains(output, c.planRefused)
		if isPlanned {
			mustRefuseUnchanged(t, w, l.server, c, own)
		} else if adopt || c.refused == "" || !strings.Contains(output, c.refused) {
			t.Errorf("the apply failed:\n%s", output)
		}
		return
	}
	if c.keys != nil {
		if found := keysBelow(t, l.server, own); !maps.Equal(found, c.keys) {
			t.Errorf("keys = %v, want %v; output of the apply:\n%s", found, c.keys, output)
		}
	}
	if c.check != nil {
		c.check(t, l.server, own)
	}
	mustRun(t, w, 0, "plan", "-detailed-exitcode")
	// A later run deletes what this run has kept.
	mustRun(t, w, 0, "destroy", "-auto-approve")
	if found := keysBelow(t, l.server, own); len(found) > 0 {
		t.Errorf("keys after the destroy = %v, want none", found)
	}
}

// mustRefuseUnchanged checks that the store is unchanged, which is what the configuration
// describes, and that removing the object from state solves the conflict.
func mustRefuseUnchanged(t *testing.T, w *cli.Workspace, s *etcdtest.Server, c ownership, own string) {
	t.Helper()
	if c.check != nil {
		c.check(t, s, own)
	}
	for _, address := range c.leaves {
		mustRun(t, w, 0, "state", "rm", address)
	}
	mustRun(t, w, 0, "apply", "-auto-approve")
	mustRun(t, w, 0, "plan", "-detailed-exitcode")
	if c.check != nil {
		c.check(t, s, own)
	}
	if found := keysBelow(t, s, own); c.keys != nil && !maps.Equal(found, c.keys) {
		t.Errorf("keys = %v, want %v", found, c.keys)
	}
}

// keysBelow returns the visible keys below a prefix.
func keysBelow(t *testing.T, s *etcdtest.Server, prefix string) map[string]string {
	t.Helper()
	return (&prefixFixture{server: s, prefix: prefix}).onServer(t)
}

// Authentication is enabled after it was replaced.
func TestCLI_ownershipOfAuth(t *testing.T) {
	t.Parallel()

	l := newLab(t)
	for name, lifecycle := range map[string]string{"-replace": "", "create first": createBeforeDestroy} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := etcdtest.Start(t)
			s.JSON(t, http.MethodPut, "/v2/auth/users/root", map[string]any{"user": "root", "password": "pw"})
			w := l.workspace(
				t, "1.0.0", s.URL(), "resource \"etcd_auth\" \"test\" {\n  adopt_existing = true\n"+lifecycle+"}\n", "ETCDCTL_USERNAME=root:pw",
			)
			mustRun(t, w, 0, "apply", "-auto-approve")
			output := mustRun(t, w, 0, "apply", "-auto-approve", "-replace=etcd_auth.test")
			if answer := s.JSON(t, http.MethodGet, "/v2/auth/enable", nil); !strings.Contains(string(answer.Body), "true") {
				t.Errorf("authentication = %s; output of the apply:\n%s", answer.Body, output)
			}
			mustRun(t, w, 0, "plan", "-detailed-exitcode")
			mustRun(t, w, 0, "destroy", "-auto-approve")
			if answer := s.JSON(t, http.MethodGet, "/v2/auth/enable", nil); !strings.Contains(string(answer.Body), "false") {
				t.Errorf("authentication after the destroy = %s", answer.Body)
			}
		})
	}
}

// A hundred and twenty keys move into one prefix in one apply, ten at a time, and none is lost.
func TestCLI_manyKeysMoveIntoPrefix(t *testing.T) {
	t.Parallel()

	const n = 120
	l := newLab(t)
	own := etcdtest.Prefix(t)
	w := l.workspace(t, "1.0.0", l.server.URL(), "")
	move := func(configuration string) { moveObjects(t, w, own, configuration) }
	move(fmt.Sprintf("resource \"etcd_key\" \"test\" {\n  count = %d\n  key = \"PREFIX/k${count.index}\"\n  value = \"v${count.index}\"\n"+
		"  adopt_existing = true\n}\n", n))
	before := keysBelow(t, l.server, own)
	if len(before) != n {
		t.Fatalf("%d keys, want %d", len(before), n)
	}
	move(fmt.Sprintf("resource \"etcd_key_prefix\" \"test\" {\n  prefix = \"PREFIX\"\n"+
		"  keys = { for i in range(%d) : \"k${i}\" => \"v${i}\" }\n  adopt_existing = true\n}\n", n))
	if after := keysBelow(t, l.server, own); !maps.Equal(after, before) {
		t.Errorf("%d keys after the move, want %d", len(after), n)
	}
	mustRun(t, w, 0, "plan", "-detailed-exitcode")
}

// moveObjects applies another configuration.
func moveObjects(t *testing.T, w *cli.Workspace, own, configuration string) {
	t.Helper()
	writeFile(t, w, "objects.tf", strings.ReplaceAll(configuration, "PREFIX", own))
	mustRun(t, w, 0, "apply", "-auto-approve")
}

// An object to adopt is deleted between the read of it and the write: then it is created.
func TestResources_adoptWhatIsDeletedMeanwhile(t *testing.T) {
	t.Parallel()

	s := etcdtest.Shared(t)
	for name, ttl := range map[string]any{"without a TTL": nil, "with a TTL": 500} {
		for typeName, attributes := range map[string]map[string]any{
			"etcd_key":        {"key": "/a", "value": "ours"},
			"etcd_key_prefix": {"prefix": "", "keys": map[string]string{"a": "ours"}},
		} {
			t.Run(typeName+" "+name, func(t *testing.T) {
				t.Parallel()
				own := etcdtest.Prefix(t)
				proxy := etcdtest.NewProxy(t, s.URL())
				d := newDirect(t, quickRetry(proxy.URL()))
				s.Put(t, own+"/a", "theirs")
				attributes := maps.Clone(attributes)
				attributes["adopt_existing"] = true
				for _, path := range []string{"key", "prefix"} {
					if relative, ok := attributes[path].(string); ok {
						attributes[path] = own + relative
					}
				}
				if ttl != nil {
					attributes["ttl"] = ttl
				}
				proxy.Inject(etcdtest.Rule{Method: http.MethodPut, Times: 1, Action: etcdtest.Intercept(func(etcdtest.Request) {
					etcdtest.Apart(t, func(t *testing.T) { s.Delete(t, own+"/a") })
				})})
				mustApply(t, d, d.none(typeName), attributes)
				if node := s.Get(t, own+"/a").Node; node.Value != "ours" || (node.TTL > 0) != (ttl != nil) {
					t.Errorf("key = %+v, want it created", node)
				}
			})
		}
	}
}

// A process that serves several commands, as in a test or with a debugger, keeps nothing from one
// for the next: a destroy deletes what an apply has kept.
func TestAccKeyResource_runsOfOneProcess(t *testing.T) {
	t.Parallel()

	s := etcdtest.Shared(t)
	key := etcdtest.Prefix(t) + "/k"
	cfg := keyConfig(s.URL(), key, "v", "adopt_existing = true", createBeforeDestroy)
	acceptance(t,
		resource.TestStep{Config: cfg},
		resource.TestStep{Config: cfg, Taint: []string{"etcd_key.test"}, Check: serverHas(t, s, key, "v")},
		resource.TestStep{Config: cfg, PlanOnly: true},
	)
	if code := s.Get(t, key).ErrorCode; code != 100 {
		t.Errorf("after the destroy the server answers code %d, want 100", code)
	}
}

// The refusal to create an existing object mentions that the object itself may be the cause.
func TestResources_alreadyExistsNamesCreateBeforeDestroy(t *testing.T) {
	t.Parallel()

	s := etcdtest.Shared(t)
	own := etcdtest.Prefix(t)
	s.Put(t, own+"/a", "v")
	for typeName, attributes := range map[string]map[string]any{
		"etcd_key":        {"key": own + "/a", "value": "v"},
		"etcd_dir":        {"path": own},
		"etcd_key_prefix": {"prefix": own, "keys": map[string]string{"a": "v"}},
	} {
		d := newDirect(t, endpoint(s.URL())) // each prints the advice once
		_, errs := d.apply(t, d.none(typeName), attributes)
		at := strings.Index(errs, "create_before_destroy, which is also inherited")
		if at < 0 || at > strings.Index(errs, "import {") {
			t.Errorf("%s: the error does not name create_before_destroy before it advises to import: %s", typeName, errs)
		}
	}
}
