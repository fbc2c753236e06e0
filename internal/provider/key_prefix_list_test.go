package provider

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"github.com/etcdv2/terraform-provider-etcd/internal/cli"
	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
	"github.com/etcdv2/terraform-provider-etcd/internal/keyspace"
)

// queryPrefix writes a list block of etcd_key_prefix and runs the query.
func queryPrefix(t *testing.T, w *cli.Workspace, code int, limit int, config string, args ...string) string {
	t.Helper()
	writeFile(t, w, "x.tfquery.hcl", fmt.Sprintf(
		"list \"etcd_key_prefix\" \"x\" {\n  provider = etcd\n  include_resource = true\n  limit = %d\n  config {\n    %s\n  }\n}\n",
		limit, config,
	))
	return mustRun(t, w, code, append([]string{"query"}, args...)...)
}

func TestAccKeyPrefixList(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	notInTofu(t, l, "list resources")
	s, prefix := l.server, etcdtest.Prefix(t)
	for _, key := range []string{"/top", "/a/x", "/a/b/x", "/a/b/c/d/x", "/a/e/x", "/f/x", "/g/_hidden"} {
		s.Put(t, prefix+key, "1")
	}
	s.Mkdir(t, prefix+"/h/i/none")
	w := l.workspace(t, "1.14.0", s.URL(), "")
	for attributes, want := range map[string][]string{
		``:          {"/a", "/f"},
		`depth = 0`: {""},
		`depth = 2`: {"/a/b", "/a/e"},
		`depth = 3`: {"/a/b/c"},
		`depth = 5`: {},
	} {
		config := fmt.Sprintf("config {\n    prefix = %q\n    %s\n  }", prefix, attributes)
		for i := range want {
			want[i] = prefix + want[i]
		}
		if diff := cmp.Diff(want, query(t, w, "etcd_key_prefix", config)); diff != "" {
			t.Errorf("query with %s (-want +got):\n%s", attributes, diff)
		}
	}
}

// Warnings name everything that the resources of a list do not show.
func TestAccKeyPrefixList_warnings(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	notInTofu(t, l, "list resources")
	s, prefix := l.server, etcdtest.Prefix(t)
	for _, key := range []string{"/top", "/quiet/x", "/mixed/a", "/all/_hidden", "/" + nfd + "/x", "/mixed/" + nfd} {
		s.Put(t, prefix+key, "1")
	}
	s.Put(t, prefix+"/mixed/leased", "1", "ttl=3000")
	s.Put(t, prefix+"/all/one", "1", "ttl=5000")
	s.Put(t, prefix+"/all/two", "1", "ttl=4000")
	s.Put(t, prefix+"/bytes/x", latin1)
	s.Mkdir(t, prefix+"/none")
	s.Mkdir(t, prefix+"/quiet/left/over")
	s.Mkdir(t, prefix+"/dir", "ttl=5000")
	s.Put(t, prefix+"/dir/x", "1")
	w := l.workspace(t, "1.14.0", s.URL(), "")
	output := queryPrefix(t, w, 0, 2, fmt.Sprintf("prefix = %q", prefix))
	for _, want := range []string{
		"not in the generated configuration:  " + prefix + "/top To manage",
		"no key that a listing shows:  " + prefix + "/none  " + prefix + "/quiet/left/over To manage",
		"with everything in them:  " + prefix + "/dir The resource",
		prefix + "/all: 2 of 2 keys, such as " + prefix + "/all/one  " + prefix + "/mixed: 1 of 3 keys, such as " + prefix + "/mixed/leased",
		"not shown as they are:  " + prefix + "/bytes/x They are",
		"no configuration can name them. They are left alone:  \"" + prefix + "/mixed/" + nfd + "\": Its name",
		"etcd_key_prefix cannot manage them:  \"" + prefix + "/" + nfd + "\": Its name",
		"There are 5 directories, and only the first 2 are listed",
	} {
		if !spaced(keyspace.Normalized(want)).MatchString(keyspace.Normalized(output)) {
			t.Errorf("the query does not report %q:\n%s", want, output)
		}
	}
	output = queryPrefix(t, w, 0, 100, fmt.Sprintf("prefix = %q", prefix+"/bytes")+"\n depth = 0")
	if strings.Count(output, "Warning:") != 1 {
		t.Errorf("want one warning:\n%s", output)
	}
}

// A generated configuration is imported unchanged, for any values, and the plan after that is
// empty.
func TestAccKeyPrefixList_generatedConfiguration(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	s, prefix := l.server, etcdtest.Prefix(t)
	indexes := storeValues(t, s, prefix+"/values", storedValues())
	indexes[prefix+"/a b/ключ#?%/${x}"] = s.Put(t, prefix+"/a b/ключ#?%/${x}", "1").Node.ModifiedIndex
	for key, ttl := range map[string]string{"/mixed/a": "", "/mixed/b": "ttl=5000", "/all/a": "ttl=5000", "/all/b": "ttl=6000"} {
		indexes[prefix+key] = s.Put(t, prefix+key, "1", strings.Fields(ttl)...).Node.ModifiedIndex
	}
	proxy := etcdtest.NewProxy(t, s.URL())
	t.Run("by query", func(t *testing.T) {
		t.Parallel()
		notInTofu(t, l, "list resources")
		w := l.workspace(t, "1.14.0", proxy.URL(), "")
		queryPrefix(t, w, 0, 100, fmt.Sprintf("prefix = %q", prefix), "-generate-config-out=generated.tf")
		wantQuietImport(t, w, 4)
	})
	t.Run("by id", func(t *testing.T) {
		t.Parallel()
		w := l.workspace(t, "1.5.0", proxy.URL(), "")
		writeFile(t, w, "imports.tf", fmt.Sprintf("import {\n  to = etcd_key_prefix.x\n  id = %q\n}\n", prefix))
		mustRun(t, w, 0, "plan", "-generate-config-out=generated.tf")
		wantQuietImport(t, w, 1)
	})
	t.Cleanup(func() {
		wroteNothing(t, proxy)
		wantUntouched(t, s, indexes)
	})
}

// For five thousand keys, the generated file has one line for each key, and only a few for each
// directory, with a query and, on CLIs without queries, with an import.
func TestAccKeyPrefixList_thousands(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	s, prefix := l.server, etcdtest.Prefix(t)
	const dirs, keysPerDir = 20, 250
	putMany(t, s, prefix, dirs, keysPerDir)
	check := func(t *testing.T, w *cli.Workspace, objects int) {
		t.Helper()
		generated, err := os.ReadFile(filepath.Join(w.Dir, "generated.tf"))
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Count(string(generated), "\n")
		t.Logf("%d keys as %d resources: %d lines", dirs*keysPerDir, objects, lines)
		if limit := dirs*keysPerDir + 20*objects; lines > limit {
			t.Errorf("the generated configuration has %d lines, want at most %d", lines, limit)
		}
		start := time.Now()
		wantQuietImport(t, w, objects)
		t.Logf("apply and plan: %s", time.Since(start).Round(time.Millisecond))
	}
	t.Run("by query", func(t *testing.T) {
		t.Parallel()
		notInTofu(t, l, "list resources")
		w := l.workspace(t, "1.14.0", s.URL(), "")
		queryPrefix(t, w, 0, 100, fmt.Sprintf("prefix = %q", prefix), "-generate-config-out=generated.tf")
		check(t, w, dirs)
	})
	t.Run("by id", func(t *testing.T) {
		t.Parallel()
		w := l.workspace(t, "1.5.0", s.URL(), "")
		writeFile(t, w, "imports.tf", fmt.Sprintf("import {\n  to = etcd_key_prefix.x\n  id = %q\n}\n", prefix))
		mustRun(t, w, 0, "plan", "-generate-config-out=generated.tf")
		check(t, w, 1)
	})
}

// putMany writes keysPerDir keys to each of dirs directories.
func putMany(t *testing.T, s *etcdtest.Server, prefix string, dirs, keysPerDir int) {
	t.Helper()
	client, err := etcdv2.New(etcdv2.Options{Endpoints: []string{s.URL()}})
	if err != nil {
		t.Fatal(err)
	}
	group, ctx := errgroup.WithContext(t.Context())
	group.SetLimit(8)
	for i := range dirs * keysPerDir {
		group.Go(func() error {
			key := fmt.Sprintf("%s/team%03d/service%d/key%04d", prefix, i%dirs, i%7, i/dirs)
			_, err := client.Keys.Create(ctx, key, fmt.Sprintf("{\"n\": %d}\nx\n", i), etcdv2.CreateOptions{})
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
}

func TestAccKeyPrefixList_refused(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	notInTofu(t, l, "list resources")
	s := etcdtest.Start(t, etcdtest.WithTLS(), etcdtest.WithAuth("rootpw"))
	s.Put(t, "/app/a/x", "1")
	makeRole(t, s, "reader", []string{"/app/*"}, nil)
	makeUser(t, s, "alice", "reader")
	as := func(user, password string) *cli.Workspace {
		w := l.workspace(t, "1.14.0", s.URL(), "", "ETCDCTL_USERNAME="+user, "ETCDCTL_PASSWORD="+password, "ETCDCTL_CACERT="+s.Certs.CA.CertFile)
		return w
	}
	alice := as("alice", "theirs")
	for config, want := range map[string]string{
		`prefix = "/"`:         "The server refused the credentials",
		`prefix = "/app/none"`: "/app/none does not exist",
		`prefix = "/app/a/x"`:  "There is a key at /app/a/x",
		`depth = -1`:           "must be at least 0",
	} {
		if output := queryPrefix(t, alice, 1, 100, config); !spaced(want).MatchString(output) {
			t.Errorf("query with %s, want %q:\n%s", config, want, output)
		}
	}
	if output := queryPrefix(t, alice, 0, 100, `prefix = "/app"`); !strings.Contains(output, "prefix=/app/a") {
		t.Errorf("the list of alice lacks keys that she may read:\n%s", output)
	}
	s.Stop(t)
	if output := queryPrefix(t, alice, 1, 100, `prefix = "/app"`); !spaced("no endpoint answered").MatchString(output) {
		t.Errorf("query of a server that is down:\n%s", output)
	}
}
