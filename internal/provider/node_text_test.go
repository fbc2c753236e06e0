package provider

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
	"github.com/etcdv2/terraform-provider-etcd/internal/keyspace"
)

// latin1 is a value with a byte that is not UTF-8, and shown is that value as the API returns it.
const (
	latin1 = "caf\xe9"
	shown  = "caf\uFFFD"
)

const notTextWarning = "Value contains bytes that are not text"

// readWarnings reads a data source and returns its warnings.
func (d *direct) readWarnings(t *testing.T, typeName string, attributes map[string]any) string {
	t.Helper()
	typ := d.schemas.DataSourceSchemas[typeName].ValueType()
	resp, err := d.server.ReadDataSource(
		t.Context(), &tfprotov6.ReadDataSourceRequest{TypeName: typeName, Config: dynamic(t, typ, value(t, typ, attributes))},
	)
	if err != nil {
		t.Fatal(err)
	}
	if errs := errorText(resp.Diagnostics); errs != "" {
		t.Fatal(errs)
	}
	return warnings(resp.Diagnostics)
}

// refreshWarnings reads a resource and returns its warnings.
func (d *direct) refreshWarnings(t *testing.T, o managed) string {
	t.Helper()
	resp, err := d.server.ReadResource(t.Context(), &tfprotov6.ReadResourceRequest{
		TypeName: o.typeName, CurrentState: dynamic(t, o.state.Type(), o.state), Private: o.private, CurrentIdentity: o.identity,
	})
	if err != nil {
		t.Fatal(err)
	}
	if errs := errorText(resp.Diagnostics); errs != "" {
		t.Fatal(errs)
	}
	return warnings(resp.Diagnostics)
}

// raw returns the value of a key as the server encodes it: an escape is a byte that is not text.
func raw(t *testing.T, s *etcdtest.Server, key string) string {
	t.Helper()
	return string(s.Get(t, key).Body)
}

// Every object that shows a value warns if the API does not return the value exactly.
func TestNotText_warnings(t *testing.T) {
	t.Parallel()
	s, prefix := etcdtest.Shared(t), etcdtest.Prefix(t)
	d := newDirect(t, map[string]any{"endpoints": []string{s.URL()}})
	key, inOrder := prefix+"/d/k", prefix+"/q/00000000000000000007"
	s.Put(t, key, latin1)
	s.Put(t, inOrder, latin1)
	s.Put(t, prefix+"/text/k", shown)
	for name, c := range map[string]struct {
		found string
		names string
	}{
		"etcd_key":               {d.refreshWarnings(t, d.imported(t, "etcd_key", key)), key},
		"etcd_in_order_key":      {d.refreshWarnings(t, d.imported(t, "etcd_in_order_key", inOrder)), inOrder},
		"etcd_key_prefix":        {d.refreshWarnings(t, d.imported(t, "etcd_key_prefix", prefix+"/d")), key},
		"data.etcd_key":          {d.readWarnings(t, "etcd_key", map[string]any{"key": key}), key},
		"data.etcd_keys":         {d.readWarnings(t, "etcd_keys", map[string]any{"prefix": prefix}), key},
		"data.etcd_watch":        {d.readWarnings(t, "etcd_watch", map[string]any{"key": key, "exists": true}), key},
		"U+FFFD itself":          {d.refreshWarnings(t, d.imported(t, "etcd_key", prefix+"/text/k")), ""},
		"a value without a name": {d.refreshWarnings(t, d.imported(t, "etcd_key", "value_wo:"+key)), ""},
		"U+FFFD in a list":       {d.readWarnings(t, "etcd_keys", map[string]any{"prefix": prefix + "/text"}), ""},
	} {
		warned := strings.Contains(c.found, notTextWarning) && strings.Contains(c.found, c.names)
		if warned != (c.names != "") || c.names == "" && c.found != "" {
			t.Errorf("%s warns %q, want it to name %q", name, c.found, c.names)
		}
	}
}

// No write replaces the bytes by what the API shows. A write that keeps the value on the server,
// or sets another, is made.
func TestNotText_writes(t *testing.T) {
	t.Parallel()
	s, root := etcdtest.Shared(t), etcdtest.Prefix(t)
	d := newDirect(t, map[string]any{"endpoints": []string{s.URL()}})
	forms := map[string]struct {
		typeName, relative string
		id                 func(dir, key string) string
		attributes         func(dir, key, value string) map[string]any
	}{
		"key": {"etcd_key", "/k", func(_, key string) string { return key }, func(_, key, value string) map[string]any {
			return map[string]any{"key": key, "value": value}
		}},
		"prefix": {"etcd_key_prefix", "/k", func(dir, _ string) string { return dir }, func(dir, _, value string) map[string]any {
			return map[string]any{"prefix": dir, "keys": map[string]string{"k": value}}
		}},
		"in order": {
			"etcd_in_order_key", "/00000000000000000007", func(_, key string) string { return key }, func(dir, _, value string) map[string]any {
				return map[string]any{"dir": dir, "value": value}
			},
		},
	}
	for name, form := range forms {
		for step, c := range map[string]struct {
			ttl     string // on the server
			value   string
			more    map[string]any
			refused bool
			changes bool
		}{
			"the TTL goes":     {"600", shown, map[string]any{}, true, false},
			"the TTL changes":  {"600", shown, map[string]any{"ttl": 900}, false, false},
			"a TTL comes":      {"", shown, map[string]any{"ttl": 900}, false, false},
			"another value":    {"600", "tea", map[string]any{}, false, true},
			"nothing to write": {"", shown, map[string]any{}, false, false},
		} {
			t.Run(name+", "+step, func(t *testing.T) {
				t.Parallel()
				dir := root + "/" + strings.ReplaceAll(t.Name(), "/", "_")
				key := dir + form.relative
				if c.ttl != "" {
					s.Put(t, key, latin1, "ttl="+c.ttl)
				} else {
					s.Put(t, key, latin1)
				}
				attributes := form.attributes(dir, key, c.value)
				maps.Copy(attributes, c.more)
				after, errs := d.apply(t, d.imported(t, form.typeName, form.id(dir, key)), attributes)
				if refused := strings.Contains(errs, "would lose bytes"); refused != c.refused || !refused && errs != "" {
					t.Errorf("errors of the apply = %q, want a refusal: %v", errs, c.refused)
				}
				if kept := strings.Contains(raw(t, s, key), `"caf\ufffd"`); kept == c.changes {
					t.Errorf("the server answers %s, want the bytes kept: %v", raw(t, s, key), !c.changes)
				}
				if !c.refused && !d.isEmpty(t, after, attributes) {
					t.Error("the plan after the apply is not empty")
				}
			})
		}
	}
}

// Adopting a key whose value is shown as configured keeps its bytes.
func TestNotText_adopt(t *testing.T) {
	t.Parallel()
	s, prefix := etcdtest.Shared(t), etcdtest.Prefix(t)
	d := newDirect(t, map[string]any{"endpoints": []string{s.URL()}})
	for name, c := range map[string]struct {
		ttl     []string
		more    map[string]any
		refused bool
	}{
		"as it is":     {nil, map[string]any{}, false},
		"with a TTL":   {nil, map[string]any{"ttl": 900}, false},
		"the TTL goes": {[]string{"ttl=600"}, map[string]any{}, true},
	} {
		for typeName, attributes := range map[string]func(dir string) map[string]any{
			"etcd_key": func(dir string) map[string]any { return map[string]any{"key": dir + "/k", "value": shown} },
			"etcd_key_prefix": func(dir string) map[string]any {
				return map[string]any{"prefix": dir, "keys": map[string]string{"k": shown}}
			},
		} {
			dir := prefix + "/" + typeName + strings.ReplaceAll(name, " ", "_")
			s.Put(t, dir+"/k", latin1, c.ttl...)
			config := attributes(dir)
			maps.Copy(config, c.more)
			config["adopt_existing"] = true
			_, errs := d.apply(t, d.none(typeName), config)
			if refused := strings.Contains(errs, "would lose bytes"); refused != c.refused || !refused && errs != "" {
				t.Errorf("%s, %s: errors of the apply = %q, want a refusal: %v", typeName, name, errs, c.refused)
			}
			if got := raw(t, s, dir+"/k"); !strings.Contains(got, `"caf\ufffd"`) {
				t.Errorf("%s, %s: the server answers %s, want the bytes kept", typeName, name, got)
			}
		}
	}
}

// Names that no configuration can contain are left alone, even by objects that delete everything
// that they do not list.
func TestUnnameable(t *testing.T) {
	t.Parallel()
	s, prefix := etcdtest.Shared(t), etcdtest.Prefix(t)
	d := newDirect(t, map[string]any{"endpoints": []string{s.URL()}})
	strange := []string{"/caf\xe9", "/" + nfd, "/caf\xe9dir/k", "/" + nfd + "dir/k"}
	for _, name := range append([]string{"/plain"}, strange...) {
		s.Put(t, prefix+name, "x")
	}
	config := map[string]any{"prefix": prefix, "keys": map[string]string{"plain": "x"}, "exclusive": true}
	after := mustApply(t, d, d.imported(t, "etcd_key_prefix", prefix), config)
	if found := d.refreshWarnings(t, after); !strings.Contains(found, "Some keys are left out") || strings.Count(found, "Its name") != 4 {
		t.Errorf("the refresh warns %q, want four names", found)
	}
	if !d.isEmpty(t, after, config) {
		t.Error("the plan after the apply is not empty")
	}
	config["keys"] = map[string]string{"other": "y"}
	mustApply(t, d, after, config)
	for _, name := range strange {
		if answer := s.Get(t, prefix+name); answer.Node.Value != "x" {
			t.Errorf("%q = %+v, want it left alone", name, answer.Node)
		}
	}
	if got := d.readWarnings(t, "etcd_keys", map[string]any{"prefix": prefix}); strings.Count(got, "Its name") != 4 {
		t.Errorf("the data source warns %q, want four names", got)
	}
	if got := d.readWarnings(t, "etcd_dir", map[string]any{"path": prefix}); strings.Count(got, "Its name") != 4 {
		t.Errorf("the data source of the directory warns %q, want four names", got)
	}
}

// A value in another Unicode form is the same value for a CLI: a change of the index with the same
// text is not a conflict.
func TestNormalization_values(t *testing.T) {
	t.Parallel()
	s, prefix := etcdtest.Shared(t), etcdtest.Prefix(t)
	d := newDirect(t, map[string]any{"endpoints": []string{s.URL()}})
	key := prefix + "/k"
	s.Put(t, key, nfd)
	o := d.imported(t, "etcd_key", key)
	config := map[string]any{"key": key, "value": keyspace.Normalized(nfd)}
	if !d.isEmpty(t, o, config) {
		t.Fatal("an import plans a change of the Unicode form")
	}
	s.Put(t, key, nfd)
	config["ttl"] = 900
	o = mustApply(t, d, o, config)
	if got := s.Get(t, key).Node.Value; got != nfd {
		t.Errorf("the server has %q after a change of the TTL, want %q", got, nfd)
	}
	s.Put(t, key, nfd, "ttl=900")
	if _, errs := d.apply(t, o, nil); errs != "" {
		t.Errorf("errors of the deletion = %q", errs)
	}
}

// A plan that would write such a value at another path is refused. One that would write it to remove
// a TTL, which another program may have set, warns that the apply will refuse it, so that a destroy is
// possible.
func TestNotText_plans(t *testing.T) {
	t.Parallel()
	s, root := etcdtest.Shared(t), etcdtest.Prefix(t)
	d := newDirect(t, map[string]any{"endpoints": []string{s.URL()}})
	s.Put(t, root+"/d/k", latin1, "ttl=600")
	s.Put(t, root+"/q/00000000000000000007", latin1, "ttl=600")
	for name, c := range map[string]struct {
		typeName, id string
		goes, moves  map[string]any
	}{
		"key": {
			"etcd_key", root + "/d/k",
			map[string]any{"key": root + "/d/k", "value": shown},
			map[string]any{"key": root + "/e/k", "value": shown, "ttl": 600},
		},
		"prefix": {
			"etcd_key_prefix", root + "/d",
			map[string]any{"prefix": root + "/d", "keys": map[string]any{"k": shown}},
			map[string]any{"prefix": root + "/e", "keys": map[string]any{"k": shown}, "ttl": 600},
		},
		"in order": {
			"etcd_in_order_key", root + "/q/00000000000000000007",
			map[string]any{"dir": root + "/q", "value": shown},
			map[string]any{"dir": root + "/r", "value": shown, "ttl": 600},
		},
	} {
		o := d.imported(t, c.typeName, c.id)
		for change, attributes := range map[string]map[string]any{"the TTL goes": c.goes, "it moves": c.moves} {
			if name == "prefix" && change == "the TTL goes" {
				o = mustApply(t, d, o, map[string]any{"prefix": root + "/d", "keys": map[string]any{"k": shown}, "ttl": 700})
			}
			planned, _ := d.plan(t, o, attributes)
			errs, text := errorText(planned.Diagnostics), warnings(planned.Diagnostics)
			if change == "the TTL goes" {
				if _, errs := d.apply(t, o, attributes); !strings.Contains(errs, "would lose bytes") {
					t.Errorf("%s, %s: errors of the apply = %q", name, change, errs)
				}
				errs, text = text, errs
			}
			if !strings.Contains(errs, "would lose bytes") || !strings.Contains(errs, root) || strings.Contains(text, "would lose bytes") {
				t.Errorf("%s, %s: the plan says %q, and otherwise %q", name, change, errs, text)
			}
		}
	}
}

// The apply that cannot remove the TTL of such a value writes the other keys.
func TestNotText_otherKeys(t *testing.T) {
	t.Parallel()
	f := newPrefixFixture(t)
	const others = 60 // more than are written at once
	found, wanted := map[string]string{"0": shown}, map[string]string{"0": shown}
	f.put(t, "0", latin1, "ttl=600")
	for i := range others {
		name := fmt.Sprint("k", i)
		f.put(t, name, "before", "ttl=600")
		found[name], wanted[name] = "before", "after"
	}
	o := f.apply(t, f.d.imported(t, "etcd_key_prefix", f.prefix), found, "ttl", 700)
	o, errs := f.d.apply(t, o, f.attributes(wanted))
	wantError(t, errs, lossSummary, f.prefix+"/0", fmt.Sprintf("%d of %d writes were made", others, others+1))
	f.wantKeys(t, o, wanted, wanted)
	if _, errs = f.d.apply(t, o, nil); errs != "" {
		t.Errorf("errors of the destroy = %q", errs)
	}
}

// A replacement deletes first. What it cannot write again as it is, it must not delete: the plan of its
// create is refused, which a CLI makes with the private state of the object that it replaces.
func TestReplacement_ofWhatCannotBeWritten(t *testing.T) {
	t.Parallel()
	s, prefix := etcdtest.Shared(t), etcdtest.Prefix(t)
	d := newDirect(t, map[string]any{"endpoints": []string{s.URL()}})
	key, json, inOrder, secret := prefix+"/d/k", prefix+"/json", prefix+"/q/00000000000000000007", prefix+"/secret"
	for path, value := range map[string]string{key: latin1, json: `{"a":"` + latin1 + `"}`, inOrder: latin1, secret: "theirs"} {
		s.Put(t, path, value)
	}
	const lossy, noValue = "Write would lose bytes that are not text", "There is no value to write"
	for name, c := range map[string]struct {
		typeName, id, refusal string
		same, other           map[string]any
	}{
		"key": {
			"etcd_key", key, lossy, map[string]any{"key": key, "value": shown}, map[string]any{"key": key, "value": "new"},
		},
		"JSON": {
			"etcd_key", json, lossy, map[string]any{"key": json, "value_json": `{"a":"caf\ufffd"}`}, map[string]any{"key": json, "value_json": "{}"},
		},
		"write-only": {
			"etcd_key", "value_wo:" + secret, noValue,
			map[string]any{"key": secret, "value_wo_version": 0},
			map[string]any{"key": secret, "value_wo": "new", "value_wo_version": 0},
		},
		"key in order": {
			"etcd_in_order_key", inOrder, lossy,
			map[string]any{"dir": prefix + "/q", "value": shown},
			map[string]any{"dir": prefix + "/q", "value": "new"},
		},
		"prefix": {
			"etcd_key_prefix", prefix + "/d", lossy,
			map[string]any{"prefix": prefix + "/d", "keys": map[string]any{"k": shown}},
			map[string]any{"prefix": prefix + "/d", "keys": map[string]any{"k": "new"}},
		},
	} {
		found, errs := d.readImported(t, c.typeName, c.id)
		if errs != "" {
			t.Fatalf("%s: %s", name, errs)
		}
		again := d.none(c.typeName)
		if planned, _ := d.plan(t, again, c.same); errorText(planned.Diagnostics) != "" {
			t.Errorf("%s: the plan of a create that replaces nothing fails: %s", name, errorText(planned.Diagnostics))
		}
		again.private = found.private
		planned, _ := d.plan(t, again, c.same)
		wantPhrases(t, errorText(planned.Diagnostics), c.refusal)
		if planned, _ = d.plan(t, again, c.other); errorText(planned.Diagnostics) != "" {
			t.Errorf("%s: a replacement with another value is refused: %s", name, errorText(planned.Diagnostics))
		}
	}
}
