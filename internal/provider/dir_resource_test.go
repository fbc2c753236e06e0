package provider

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"
	"github.com/hashicorp/terraform-plugin-testing/tfversion"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
)

// dirConfig returns a directory with further attributes.
func dirConfig(endpoint, path string, attributes ...string) string {
	return config(endpoint, "resource \"etcd_dir\" \"test\" {\n  path = %q\n  %s\n}\n", path, strings.Join(attributes, "\n  "))
}

// noopDir checks that an import plans no change.
var noopDir = resource.ImportPlanChecks{PreApply: []plancheck.PlanCheck{
	plancheck.ExpectResourceAction("etcd_dir.test", plancheck.ResourceActionNoop),
}}

func TestAccDirResource_identity(t *testing.T) {
	t.Parallel()

	s := etcdtest.Shared(t)
	acceptanceSince(t, tfversion.Version1_12_0,
		resource.TestStep{
			Config:            dirConfig(s.URL(), etcdtest.Prefix(t)+"/dir"),
			ConfigStateChecks: []statecheck.StateCheck{statecheck.ExpectIdentityValueMatchesState("etcd_dir.test", tfjsonpath.New("path"))},
		},
		resource.TestStep{
			ResourceName: "etcd_dir.test", ImportState: true, ImportStateKind: resource.ImportBlockWithResourceIdentity, ImportPlanChecks: noopDir,
		},
	)
}

func TestAccDirResource_createImport(t *testing.T) {
	t.Parallel()

	s := etcdtest.Shared(t)
	dir := etcdtest.Prefix(t) + "/a b%/ключ"
	acceptance(t,
		resource.TestStep{
			Config: dirConfig(s.URL(), dir),
			Check: onServer(func() error {
				if node := s.Get(t, dir).Node; !node.Dir {
					return fmt.Errorf("node = %+v, want a directory", node)
				}
				return nil
			}),
			ConfigStateChecks: []statecheck.StateCheck{known("etcd_dir.test", "ttl", knownvalue.Null())},
		},
		resource.TestStep{
			ResourceName: "etcd_dir.test", ImportState: true, ImportStateId: dir,
			ImportStateVerify: true, ImportStateVerifyIdentifierAttribute: "path",
		},
		resource.TestStep{
			ResourceName: "etcd_dir.test", ImportState: true, ImportStateId: dir, ImportStateKind: resource.ImportBlockWithID,
			ImportPlanChecks: noopDir,
		},
		resource.TestStep{
			PreConfig: func() { s.Delete(t, dir, "dir=true") },
			Config:    dirConfig(s.URL(), dir), ConfigPlanChecks: planned("etcd_dir.test", plancheck.ResourceActionCreate),
		},
	)
	if code := s.Get(t, dir).ErrorCode; code != 100 {
		t.Errorf("after the destroy the server answers code %d, want 100", code)
	}
}

func TestAccDirResource_createOverExisting(t *testing.T) {
	t.Parallel()

	s := etcdtest.Shared(t)
	prefix := etcdtest.Prefix(t)
	s.Put(t, prefix+"/dir/child", "theirs")
	s.Put(t, prefix+"/key", "theirs")
	acceptance(t,
		resource.TestStep{
			Config:      dirConfig(s.URL(), prefix+"/dir"),
			ExpectError: regexp.MustCompile(`(?s)Directory already exists.*import \{.*to = etcd_dir.*id = "` + prefix + `/dir"`),
		},
		resource.TestStep{
			Config:      dirConfig(s.URL(), prefix+"/key", "adopt_existing = true"),
			ExpectError: regexp.MustCompile("There is a key"),
		},
		resource.TestStep{
			Config: dirConfig(s.URL(), prefix+"/dir", "adopt_existing = true", "force_destroy = true"),
			Check:  serverHas(t, s, prefix+"/dir/child", "theirs"),
		},
	)
	if code := s.Get(t, prefix+"/dir").ErrorCode; code != 100 {
		t.Errorf("after the destroy with force the server answers code %d, want 100", code)
	}
	if got := s.Get(t, prefix+"/key").Node.Value; got != "theirs" {
		t.Errorf("key = %q, want %q", got, "theirs")
	}
}

func TestAccDirResource_destroyOfForeignKey(t *testing.T) {
	t.Parallel()

	s := etcdtest.Shared(t)
	dir := etcdtest.Prefix(t) + "/dir"
	cfg := dirConfig(s.URL(), dir)
	acceptance(t,
		resource.TestStep{Config: cfg},
		resource.TestStep{
			PreConfig: func() {
				s.Put(t, dir+"/foreign", "theirs")
				s.Mkdir(t, dir+"/sub")
			},
			Config: cfg, Destroy: true, ExpectError: errorWith("Directory is not empty", dir+"/foreign", dir+"/sub/"),
		},
		resource.TestStep{Config: cfg, Check: serverHas(t, s, dir+"/foreign", "theirs")},
		resource.TestStep{
			PreConfig: func() {
				s.Delete(t, dir+"/foreign")
				s.Delete(t, dir+"/sub", "dir=true")
				s.Put(t, dir+"/_hidden", "theirs")
			},
			Config: cfg, Destroy: true, ExpectError: errorWith("Directory is not empty", "only hidden keys"),
		},
		resource.TestStep{Config: cfg, Check: serverHas(t, s, dir+"/_hidden", "theirs")},
		resource.TestStep{PreConfig: func() { s.Delete(t, dir+"/_hidden") }, Config: cfg},
	)
}

func TestAccDirResource_ttl(t *testing.T) {
	t.Parallel()

	s := etcdtest.Shared(t)
	inPlace := !s.Version().AtLeast(3, 5)
	dir := etcdtest.Prefix(t) + "/dir"
	cfg := func(attributes ...string) string { return dirConfig(s.URL(), dir, attributes...) }
	change := func(attributes ...string) resource.TestStep {
		step := resource.TestStep{
			Config: cfg(attributes...), ConfigPlanChecks: planned("etcd_dir.test", plancheck.ResourceActionUpdate),
			Check: serverHas(t, s, dir+"/child", "theirs"),
		}
		if !inPlace {
			step.ExpectError = errorWith("The server cannot change the TTL of a directory", "Nothing was changed")
		}
		return step
	}
	acceptance(t,
		resource.TestStep{
			Config: cfg("ttl = 500", "force_destroy = true"),
			ConfigStateChecks: []statecheck.StateCheck{
				known("etcd_dir.test", "expiration", knownvalue.NotNull()), known("etcd_dir.test", "ttl", knownvalue.Int64Exact(500)),
			},
		},
		resource.TestStep{
			PreConfig: func() { s.Put(t, dir+"/child", "theirs") }, Config: cfg("ttl = 500", "force_destroy = true"), PlanOnly: true,
		},
		change("ttl = 900", "force_destroy = true"),
		change("force_destroy = true"),
		resource.TestStep{
			PreConfig: func() {
				if got := s.Get(t, dir+"/child").Node.Value; got != "theirs" {
					t.Errorf("child = %q, want %q", got, "theirs")
				}
				s.Delete(t, dir, "recursive=true")
				s.Mkdir(t, dir, "ttl=1")
				eventually(t, "the directory expires", func() bool { return s.Get(t, dir).ErrorCode == 100 })
			},
			Config: cfg("ttl = 500", "force_destroy = true"), ConfigPlanChecks: planned("etcd_dir.test", plancheck.ResourceActionCreate),
		},
	)
}

// An import accepts the remaining TTL for any longer configured TTL. So it needs no change,
// which 3.5 could not make.
func TestAccDirResource_importOfTTL(t *testing.T) {
	t.Parallel()

	s := etcdtest.Shared(t)
	dir := etcdtest.Prefix(t) + "/dir"
	s.Mkdir(t, dir, "ttl=900")
	s.Put(t, dir+"/child", "theirs")
	cfg := func(ttl string) string {
		return dirConfig(s.URL(), dir, ttl, "force_destroy = true") + fmt.Sprintf("import {\n  to = etcd_dir.test\n  id = %q\n}\n", dir)
	}
	shorter := resource.TestStep{
		Config: cfg("ttl = 300"), ConfigPlanChecks: planned("etcd_dir.test", plancheck.ResourceActionUpdate),
		Check: resource.ComposeAggregateTestCheckFunc(ttlLeft(t, s, dir, 300), serverHas(t, s, dir+"/child", "theirs")),
	}
	if s.Version().AtLeast(3, 5) {
		shorter.ExpectError = errorWith("The server cannot change the TTL of a directory", "Nothing was changed")
	}
	acceptance(t,
		resource.TestStep{Config: cfg("ttl = 1000"), Check: ttlLeft(t, s, dir, 900)},
		resource.TestStep{Config: cfg("ttl = 1000"), PlanOnly: true},
		shorter,
	)
}

// An adopted directory may lack the configured TTL, or have one that is not configured.
func TestAccDirResource_adoptAndChangeTTL(t *testing.T) {
	t.Parallel()

	s := etcdtest.Shared(t)
	for name, test := range map[string]struct{ before, ttl string }{
		"none before": {"", "ttl = 500"},
		"none after":  {"ttl=500", ""},
		"another":     {"ttl=900", "ttl = 500"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := etcdtest.Prefix(t) + "/dir"
			s.Mkdir(t, dir, strings.Fields(test.before)...)
			s.Put(t, dir+"/child", "theirs")
			step := resource.TestStep{
				Config: dirConfig(s.URL(), dir, test.ttl, "adopt_existing = true", "force_destroy = true"),
				Check: resource.ComposeAggregateTestCheckFunc(serverHas(t, s, dir+"/child", "theirs"), onServer(func() error {
					if node := s.Get(t, dir).Node; node.TTL > 500 || (node.TTL > 0) != (test.ttl != "") {
						return fmt.Errorf("TTL = %d after adoption with %q", node.TTL, test.ttl)
					}
					return nil
				})),
			}
			if s.Version().AtLeast(3, 5) {
				step.ExpectError = errorWith("The server cannot change the TTL of a directory", "Nothing was changed")
				before := s.Get(t, dir).Node
				t.Cleanup(func() {
					if diff := cmp.Diff(before, s.Get(t, dir).Node, cmpopts.IgnoreFields(etcdtest.Node{}, "TTL")); diff != "" {
						t.Errorf("before and after the refusal (-want +got):\n%s", diff)
					}
				})
			}
			acceptance(t, step)
		})
	}
}

// The answer to a change of the TTL is lost, and the TTL of the next read settles it.
func TestDirResource_ttlLostAnswer(t *testing.T) {
	t.Parallel()

	s := etcdtest.Shared(t)
	proxy := etcdtest.NewProxy(t, s.URL())
	d := newDirect(t, quickRetry(proxy.URL()))
	dir := etcdtest.Prefix(t) + "/dir"
	attributes := map[string]any{"path": dir, "ttl": 500}
	o := mustApply(t, d, d.none("etcd_dir"), attributes)
	s.Put(t, dir+"/child", "theirs")
	attributes["ttl"] = 1000
	proxy.Inject(etcdtest.Rule{Method: "PUT", Times: 1, Action: etcdtest.DropAnswer()})
	o, errs := d.apply(t, o, attributes)
	if s.Version().AtLeast(3, 5) {
		if !strings.Contains(errs, "Outcome of a write is unknown") || o.text(t, "ttl") != "500" {
			t.Errorf("errors = %q, state = %s; want an unknown outcome", errs, o.state)
		}
	} else if node := s.Get(t, dir).Node; errs != "" || o.text(t, "modified_index") != fmt.Sprint(node.ModifiedIndex) || node.TTL < 940 {
		t.Errorf("errors = %q, state = %s, on the server: %+v", errs, o.state, node)
	}
	if got := s.Get(t, dir+"/child").Node.Value; got != "theirs" {
		t.Errorf("child = %q, want %q", got, "theirs")
	}
}

func TestDirResource_madeAnew(t *testing.T) {
	t.Parallel()

	s := etcdtest.Shared(t)
	dir := etcdtest.Prefix(t) + "/dir"
	d := newDirect(t, map[string]any{"endpoints": []string{s.URL()}})
	attributes := map[string]any{"path": dir, "force_destroy": true}
	o := mustApply(t, d, d.none("etcd_dir"), attributes)
	s.Delete(t, dir, "dir=true")
	s.Put(t, dir+"/theirs", "v")
	after, errs := d.apply(t, o, nil)
	if !strings.Contains(errs, "Directory changed since it was planned") || !after.exists() {
		t.Errorf("destroy: errors = %q, in state: %t", errs, after.exists())
	}
	attributes["ttl"] = 100
	if _, errs := d.apply(t, o, attributes); !strings.Contains(errs, "Directory changed since it was planned") {
		t.Errorf("update: errors = %q", errs)
	}
	if got := s.Get(t, dir+"/theirs").Node.Value; got != "v" {
		t.Errorf("key of the new directory = %q, want %q", got, "v")
	}
	s.Delete(t, dir, "recursive=true")
	s.Put(t, dir, "a key")
	if after, errs := d.apply(t, o, nil); errs != "" || after.exists() {
		t.Errorf("destroy of a directory replaced by a key: errors = %q, in state: %t", errs, after.exists())
	}
	if after, errs := d.refresh(t, o); errs != "" || after.exists() {
		t.Errorf("refresh of a directory replaced by a key: errors = %q, in state: %t", errs, after.exists())
	}
	if got := s.Get(t, dir).Node.Value; got != "a key" {
		t.Errorf("the key in its place = %q, want %q", got, "a key")
	}
	s.Delete(t, dir)
	if after, errs := d.apply(t, o, nil); errs != "" || after.exists() {
		t.Errorf("destroy of an absent directory: errors = %q, in state: %t", errs, after.exists())
	}
}

func TestDirResource_lostAnswers(t *testing.T) {
	t.Parallel()

	s := etcdtest.Shared(t)
	proxy := etcdtest.NewProxy(t, s.URL())
	d := newDirect(t, quickRetry(proxy.URL()))
	prefix := etcdtest.Prefix(t)
	for i := range rounds {
		dir := fmt.Sprintf("%s/d%d", prefix, i)
		proxy.Clear()
		proxy.Inject(etcdtest.Rule{Method: "PUT", Times: 1, Action: etcdtest.DropAnswer()})
		proxy.Inject(etcdtest.Rule{Method: "DELETE", Times: 1, Action: etcdtest.DropAnswer()})
		o := mustApply(t, d, d.none("etcd_dir"), map[string]any{"path": dir})
		if node := s.Get(t, dir).Node; !node.Dir || o.text(t, "created_index") != fmt.Sprint(node.CreatedIndex) {
			t.Fatalf("round %d: state = %s, on the server: %+v", i, o.state, node)
		}
		if o = mustApply(t, d, o, nil); o.exists() || s.Get(t, dir).ErrorCode != 100 {
			t.Fatalf("round %d: the directory still exists", i)
		}
	}
}

// A directory that was removed and created again outside Terraform is reported at every
// refresh, and left alone until it is adopted.
func TestCLI_dirCreatedAgain(t *testing.T) {
	t.Parallel()

	const warning = "Directory is another one now"
	l := newLab(t)
	own := etcdtest.Prefix(t)
	cfg := "resource \"etcd_dir\" \"test\" {\n  path = \"" + own + "/d\"\n  force_destroy = true\n  adopt_existing = true\n}\n"
	w := l.workspace(t, "1.0.0", l.server.URL(), cfg)
	mustRun(t, w, 0, "apply", "-auto-approve")
	remake := func() {
		l.server.Delete(t, own+"/d", "recursive=true")
		l.server.Put(t, own+"/d/theirs", "v")
	}
	wantKept := func(output string) {
		t.Helper()
		if l.server.Get(t, own+"/d/theirs").Node.Value != "v" || !strings.Contains(output, warning) {
			t.Errorf("key = %+v after the command:\n%s", l.server.Get(t, own+"/d/theirs").Node, output)
		}
	}
	remake()
	for range 2 {
		wantKept(mustRun(t, w, 0, "plan", "-detailed-exitcode"))
		wantKept(mustRun(t, w, 0, "apply", "-auto-approve"))
	}
	wantKept(mustRun(t, w, 0, "destroy", "-auto-approve"))
	mustRun(t, w, 0, "apply", "-auto-approve")
	remake()
	// Replacing it means that the new directory is to be managed.
	wantKept(mustRun(t, w, 0, "apply", "-auto-approve", "-replace=etcd_dir.test"))
	if output := mustRun(t, w, 0, "plan", "-detailed-exitcode"); strings.Contains(output, warning) {
		t.Errorf("the plan after the adoption warns:\n%s", output)
	}
	mustRun(t, w, 0, "destroy", "-auto-approve")
	if code := l.server.Get(t, own+"/d").ErrorCode; code != 100 {
		t.Errorf("after the destroy the server answers code %d, want 100", code)
	}
}

// Empty directories, which servers leave behind, do not prevent the destroy of a directory. A
// key does, at any depth, even a hidden one.
func TestDirResource_destroyOfEmptyDirectories(t *testing.T) {
	t.Parallel()

	s := etcdtest.Shared(t)
	d := newDirect(t, endpoint(s.URL()))
	for name, test := range map[string]struct {
		keys, gone []string
		errors     string
	}{
		"empty ones":      {keys: []string{"/a/b/c/k", "/a/d/k", "/e/k"}, gone: []string{"/a/b/c/k", "/a/d/k", "/e/k"}},
		"a key deep down": {keys: []string{"/a/b/c/k", "/e/k"}, gone: []string{"/e/k"}, errors: "/a/"},
		"a hidden key":    {keys: []string{"/a/b/_k"}, errors: "hidden keys"},
		"a hidden directory": {
			keys: []string{"/a/_b/k"}, gone: []string{"/a/_b/k"}, errors: "hidden keys",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := etcdtest.Prefix(t) + "/d"
			o := mustApply(t, d, d.none("etcd_dir"), map[string]any{"path": dir})
			for _, key := range test.keys {
				s.Put(t, dir+key, "theirs")
			}
			for _, key := range test.gone {
				s.Delete(t, dir+key)
			}
			_, errs := d.apply(t, o, nil)
			if test.errors == "" {
				if errs != "" || s.Get(t, dir).ErrorCode != 100 {
					t.Errorf("errors = %q, the server answers code %d", errs, s.Get(t, dir).ErrorCode)
				}
				return
			}
			wantError(t, errs, "Directory is not empty", test.errors)
			for _, key := range test.keys {
				if !slices.Contains(test.gone, key) && s.Get(t, dir+key).Node.Value != "theirs" {
					t.Errorf("%s was deleted", key)
				}
			}
		})
	}
}

// An etcd_key_prefix in an etcd_dir leaves empty directories behind, and both can still be
// destroyed.
func TestCLI_dirWithPrefixBelow(t *testing.T) {
	t.Parallel()

	l := newLab(t)
	own := etcdtest.Prefix(t)
	w := l.workspace(t, "1.0.0", l.server.URL(), "resource \"etcd_dir\" \"test\" {\n  path = \""+own+"/d\"\n}\n"+
		"resource \"etcd_key_prefix\" \"test\" {\n  prefix = \"${etcd_dir.test.path}/p\"\n  keys = { \"a/b/c\" = \"v\", d = \"v\" }\n}\n")
	mustRun(t, w, 0, "apply", "-auto-approve")
	mustRun(t, w, 0, "destroy", "-auto-approve")
	if code := l.server.Get(t, own+"/d").ErrorCode; code != 100 {
		t.Errorf("after the destroy the server answers code %d, want 100", code)
	}
}

// If a key is in the place of an empty directory that keys of the same configuration left
// behind, the error names the directory and how to remove it.
func TestResources_emptyDirectoryInTheWay(t *testing.T) {
	t.Parallel()

	s := etcdtest.Shared(t)
	own := etcdtest.Prefix(t)
	attributes := endpoint(s.URL())
	attributes["key_prefix"] = own
	d := newDirect(t, attributes)
	s.Put(t, own+"/n/db/host/x", "v")
	s.Delete(t, own+"/n/db/host/x")
	for typeName, attributes := range map[string]map[string]any{
		"etcd_key":        {"key": "/n/db", "value": "v"},
		"etcd_key_prefix": {"prefix": "/n", "keys": map[string]string{"db": "v"}},
	} {
		_, errs := d.apply(t, d.none(typeName), attributes)
		wantError(t, errs, "An empty directory is in the way", "/n/db",
			"etcdctl rmdir '"+own+"/n/db/host' && ETCDCTL_API=2 etcdctl rmdir '"+own+"/n/db'")
	}
	s.Delete(t, own+"/n/db/host", "dir=true")
	s.Delete(t, own+"/n/db", "dir=true")
	mustApply(t, d, d.none("etcd_key"), map[string]any{"key": "/n/db", "value": "v"})
}

// An object in a directory that does not refer to it can be created before the directory. The
// error then says what to write.
func TestDirResource_childrenThatDoNotRefer(t *testing.T) {
	t.Parallel()

	s := etcdtest.Shared(t)
	d := newDirect(t, endpoint(s.URL()))
	own := etcdtest.Prefix(t)
	reference := "write \"${etcd_dir.example.path}/...\" instead of \"" + own + "/d/...\""
	key := mustApply(t, d, d.none("etcd_key"), map[string]any{"key": own + "/d/k", "value": "v"})
	_, errs := d.apply(t, d.none("etcd_dir"), map[string]any{"path": own + "/d"})
	wantError(t, errs, "Directory already exists", own+"/d appeared in this run", own+"/d/k", reference)
	dir := mustApply(t, d, d.none("etcd_dir"), map[string]any{"path": own + "/d", "adopt_existing": true})
	_, errs = d.apply(t, dir, nil)
	wantError(t, errs, "Directory is not empty", own+"/d/k", reference)
	mustApply(t, d, key, nil)
	mustApply(t, d, dir, nil)
}
