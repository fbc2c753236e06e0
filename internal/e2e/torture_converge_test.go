package e2e_test

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// importBlock is what a message advises for what exists already.
var importBlock = regexp.MustCompile(`import \{ to = (etcd_\w+)\.example # the address of this resource id = "([^"]+)" \}`)

// adoptAdvice is the advice on keys of a prefix that is in state already.
var adoptAdvice = regexp.MustCompile(`with (etcd_key_prefix)\S+ .* (/\S+) already exists \(.*Set adopt_existing = true to take these over`)

// inTheWay is a key of a rival, or of a killed run, in a directory that is to be destroyed.
var inTheWay = regexp.MustCompile(`Directory is not empty .*It contains: (/\S+) .*remove what is in it`)

// converge applies the same configuration without faults until nothing is left to do, as the
// messages advise: what exists already is imported or adopted.
func (c *tortured) converge(t *testing.T, untracked []string) {
	t.Helper()
	defer func() { c.imports = nil }()
	output := ""
	for range 8 { // an object that exists comes to light only when what it needs does not fail any more
		before := onServer(t, c.server, c.objects)
		var code int
		output, code = c.run(t, nil, "apply", "-auto-approve")
		a := &apply{tortured: c, state: c.readState(t), now: onServer(t, c.server, c.objects), before: before, diagnostics: diagnosticsIn(output)}
		switch {
		case code != 0:
			c.follow(t, a, output, untracked)
			c.write(t)
		case strings.Contains(output, "The next plan shows their removal"): // of keys that no plan has shown
		default:
			c.wantConverged(t, a, output)
			return
		}
	}
	t.Errorf("the configuration is not applied after eight applies without faults:\n%s", output)
}

// follow does what the messages of a failed apply advise.
func (c *tortured) follow(t *testing.T, a *apply, output string, untracked []string) {
	t.Helper()
	for _, fact := range untracked {
		o := ownerOf(c.objects, fact)
		if o.wants(fact) && !a.isNamed(fact, "already exists") && a.state[fact] == "" {
			t.Errorf("%s exists and is not in state, and the apply does not say so:\n%s", fact, output)
		}
		value, _, _ := strings.Cut(a.before[fact], ", expires")
		isShown := strings.Contains(output, strconv.Quote(value)) || a.isNamed(fact, "adopt_existing is set. the apply changes them")
		if a.now[fact] != a.before[fact] && !isShown {
			t.Errorf("the apply has changed %s, which was not in state, from %q to %q", fact, a.before[fact], a.now[fact])
		}
	}
	advised, tried := false, slices.Clone(c.imports)
	for _, d := range a.diagnostics {
		for _, match := range inTheWay.FindAllStringSubmatch(d, -1) {
			advised = c.server.Delete(t, match[1]).OK() || advised
		}
		for _, match := range adoptAdvice.FindAllStringSubmatch(d, -1) {
			advised = c.take(match[1], match[2], true, tried) || advised
		}
		for _, match := range importBlock.FindAllStringSubmatch(d, -1) {
			advised = c.take(match[1], match[2], c.rng.IntN(3) == 0, tried) || advised
		}
	}
	if !advised {
		t.Errorf("an apply without faults failed, and does not say what to do:\n%s", output)
	}
}

// take imports or adopts what a message names. tried are the imports of before: a CLI does nothing for
// that of an object that it has in state under another name, so it is adopted.
func (c *tortured) take(typeName, id string, isAdopted bool, tried []map[string]string) bool {
	for _, o := range c.objects {
		if o.typeName != typeName || o.config == nil || !o.isImportedBy(id) {
			continue
		}
		isOfObject := func(one map[string]string) bool { return one["to"] == o.address() }
		switch {
		case slices.ContainsFunc(tried, isOfObject):
			c.imports = slices.DeleteFunc(c.imports, isOfObject)
			isAdopted = true
		case slices.ContainsFunc(c.imports, isOfObject), o.config["adopt_existing"] == true:
			return true
		}
		c.tally.imported++
		if isAdopted {
			o.config["adopt_existing"] = true
		} else {
			c.imports = append(c.imports, map[string]string{"to": o.address(), "id": id})
		}
		return true
	}
	return false
}

// isImportedBy reports whether an import id is one of the object.
func (o *torturedObject) isImportedBy(id string) bool {
	_, name, _ := strings.Cut(o.scope, " ")
	for _, form := range []string{"value_wo:", "value_json:", "value:"} {
		id = strings.TrimPrefix(id, form)
	}
	id = strings.ReplaceAll(strings.Replace(id, "/read:", ":", 1), "user-open/role-open", "user-open:role-open")
	return id == strings.TrimSuffix(name, "/") || strings.HasSuffix(name, "/") && strings.HasPrefix(id, name)
}

// wantConverged checks that nothing is left to do, and that state and server agree.
func (c *tortured) wantConverged(t *testing.T, a *apply, output string) {
	t.Helper()
	if plan, code := c.run(t, nil, "plan", "-detailed-exitcode"); code != 0 {
		t.Errorf("the plan after the apply is not empty:\n%s\nThe apply printed:\n%s", plan, output)
	}
	for _, fact := range differing(a.state, a.now) {
		o := ownerOf(c.objects, fact)
		content, exists := a.now[fact]
		switch {
		case !exists || a.state[fact] != "" || o != nil && o.wants(fact):
			t.Errorf("%s: the server has %q (%t), and the state has %q after the plan was empty", fact, content, exists, a.state[fact])
		default:
			c.foreign[fact] = content
		}
	}
}
