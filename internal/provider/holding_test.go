package provider

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/etcdv2/terraform-provider-etcd/internal/cli"
	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
)

// loss is a plan that deletes what is in an object of the configuration.
type loss struct {
	// before and after are configurations; without after, the first one stays. DIR is replaced by
	// a path, and NAME by a name.
	before, after string
	// meanwhile is done between the two applies, and args are given to the second one.
	meanwhile func(t *testing.T, w *cli.Workspace, s *etcdtest.Server, name string)
	args      []string
	// refused are texts of the error, nil if there is none. Without them, the apply shows the texts of shown, and
	// warns of a loss only if these contain the warning. The next plan is then empty, unless
	// isLeft is set.
	refused, shown []string
	isLeft         bool
}

const (
	lossRefused = "Deleted here and needed there"
	lossWarned  = "Deleted by a replacement"
)

func taint(address string) func(t *testing.T, w *cli.Workspace, s *etcdtest.Server, name string) {
	return func(t *testing.T, w *cli.Workspace, _ *etcdtest.Server, _ string) {
		t.Helper()
		mustRun(t, w, 0, "taint", address)
	}
}

// triggered is the lifecycle of an object that is replaced together with another one.
func triggered(address string) string {
	return "  lifecycle {\n    replace_triggered_by = [" + address + "]\n  }\n"
}

// dirLosses returns the cases of a directory with an object of each resource in it.
func dirLosses() map[string]loss {
	dir := func(more string) string {
		return "resource \"etcd_dir\" \"test\" {\n  path = \"DIR\"\n  force_destroy = true\n" + more + "}\n"
	}
	in := map[string]string{
		"etcd_key":          "  key = \"DIR/k\"\n  value = \"v\"\n",
		"etcd_key_prefix":   "  prefix = \"DIR/p\"\n  keys = { a = \"v\", b = \"w\" }\n",
		"etcd_dir":          "  path = \"DIR/d\"\n  force_destroy = true\n",
		"etcd_in_order_key": "  dir = \"DIR\"\n  value = \"v\"\n",
	}
	var literal, after, refers, follows string
	var addresses, replaced []string
	for _, name := range slices.Sorted(maps.Keys(in)) {
		block := fmt.Sprintf("resource %q \"in\" {\n%s%%s}\n", name, in[name])
		addresses, replaced = append(addresses, name+".in"), append(replaced, "# "+name+".in must be replaced")
		literal += fmt.Sprintf(block, "  depends_on = [etcd_dir.test]\n")
		after += fmt.Sprintf(block, "")
		refers += strings.ReplaceAll(fmt.Sprintf(block, ""), "DIR", "${etcd_dir.test.path}")
		follows += strings.ReplaceAll(fmt.Sprintf(block, triggered("etcd_dir.test")), "DIR", "${etcd_dir.test.path}")
	}
	after += dir("  depends_on = [" + strings.Join(addresses, ", ") + "]\n")
	replace, lost := []string{"-replace=etcd_dir.test"}, []string{lossRefused, "DIR/k\n", "DIR/p/a", "DIR/p/b", "DIR/d\n", "DIR/0000"}
	both := []string{"-replace=etcd_dir.test"}
	for _, address := range addresses {
		both = append(both, "-replace="+address)
	}
	changed := strings.NewReplacer("\"v\"", "\"x\"").Replace
	return map[string]loss{
		"directory, references": {before: dir("") + refers, args: replace, shown: replaced},
		"directory, references, no refresh": {
			before: dir("") + refers, args: append([]string{"-refresh=false"}, replace...), shown: replaced,
		},
		"directory, references, updated": {before: dir("") + refers, after: changed(dir("") + refers), args: replace, shown: replaced},
		"directory, references, tainted": {before: dir("") + refers, meanwhile: taint("etcd_dir.test"), shown: replaced},
		"directory, no references":       {before: dir("") + literal, after: after, args: replace, refused: lost},
		"directory, no references, updated": {
			before: dir("") + literal, after: changed(after), args: replace, refused: []string{lossRefused, "DIR/k\n", "DIR/p/a"},
		},
		"directory, no references, tainted": {before: dir("") + literal, after: after, meanwhile: taint("etcd_dir.test"), refused: lost},
		"directory, all are replaced":       {before: dir("") + refers, args: both},
		"directory, all follow":             {before: dir("") + follows, args: replace},
		"directory, all follow, create first": {
			before: dir("  adopt_existing = true\n"+createBeforeDestroy) + refers, args: replace, shown: []string{lossWarned},
		},
		"directory, adopts": {
			before: dir("  adopt_existing = true\n") + refers, args: replace, shown: []string{lossWarned}, isLeft: true,
		},
		"directory, no references, create first": {
			before: dir("") + literal, after: strings.Replace(after, "depends_on", "adopt_existing = true\n"+createBeforeDestroy+"  depends_on", 1),
			args: replace,
		},
		"directory, not by force": {
			before: strings.ReplaceAll(dir("")+refers, "force_destroy = true", ""), args: replace, refused: []string{"Directory is not empty"},
		},
		"directory, another one now": {
			before: dir("  adopt_existing = true\n") + strings.ReplaceAll(fmt.Sprintf("resource \"etcd_key\" \"in\" {\n%s}\n", in["etcd_key"]),
				"DIR", "${etcd_dir.test.path}"),
			args: replace, meanwhile: func(t *testing.T, _ *cli.Workspace, s *etcdtest.Server, name string) {
				t.Helper()
				s.Delete(t, "/"+name, "recursive=true")
				s.Put(t, "/"+name+"/k", "v")
			},
		},
		"directory, no references, adopts": {
			before: dir("") + literal, after: strings.Replace(after, "depends_on", "adopt_existing = true\n  depends_on", 1),
			args: replace, refused: lost,
		},
		"directory, no references, adopts, tainted": {
			before: dir("") + literal, after: strings.Replace(after, "depends_on", "adopt_existing = true\n  depends_on", 1),
			meanwhile: taint("etcd_dir.test"), refused: lost,
		},
	}
}

// container is a resource whose objects other objects add to.
type container struct {
	typeName, more string
	// inner is the resource of the other objects; refers are its attributes with a reference,
	// and literal those without. lost names one of them.
	inner, refers, literal, lost string
	remove                       string
}

// authLosses returns the cases of a user with a grant, and of a role with a permission.
func authLosses() map[string]loss {
	cases := map[string]loss{}
	for kind, c := range map[string]container{
		"user": {
			"etcd_user", "  password = \"pw\"\n", "etcd_user_role", "  user = etcd_user.test.name\n  role = etcd_role.r.name\n",
			"  user = \"NAME\"\n  role = etcd_role.r.name\n", "grant NAME/NAME-r", "/v2/auth/users/",
		},
		"role": {
			"etcd_role", "", "etcd_role_permission", "  role = etcd_role.test.name\n  access = \"read\"\n  pattern = \"/a\"\n",
			"  role = \"NAME\"\n  access = \"read\"\n  pattern = \"/a\"\n", "permission NAME/read:/a", "/v2/auth/roles/",
		},
	} {
		for name, l := range c.losses() {
			cases[kind+", "+name] = l
		}
	}
	return cases
}

func (c container) losses() map[string]loss {
	const role = "resource \"etcd_role\" \"r\" {\n  name = \"NAME-r\"\n}\n"
	address := c.typeName + ".test"
	outer := func(more string) string {
		return fmt.Sprintf(role+"resource %q \"test\" {\n  name = \"NAME\"\n%s%s}\n", c.typeName, c.more, more)
	}
	inner := func(attributes, more string) string {
		return fmt.Sprintf("resource %q \"in\" {\n%s%s}\n", c.inner, attributes, more)
	}
	several := func(names string) string {
		return fmt.Sprintf(role+"resource %q \"test\" {\n  for_each = { for i, n in [%s] : i => n }\n  name = each.value\n%s}\n",
			c.typeName, names, c.more)
	}
	renamed := strings.NewReplacer("name = \"NAME\"", "name = \"NAME-new\"").Replace
	before, literal := outer("")+inner(c.literal, "  depends_on = ["+address+"]\n"), inner(c.literal, "")
	refers, replace, lost := inner(c.refers, ""), []string{"-replace=" + address}, []string{lossRefused, c.lost}
	together, createFirst := []string{"# " + c.inner + ".in must be replaced"}, "  adopt_existing = true\n"+createBeforeDestroy
	explicit := inner(c.refers, "  adopt_existing = false\n")
	return map[string]loss{
		"removed":            {before: before, after: role + literal, refused: lost},
		"removed altogether": {before: before, after: role},
		"renamed":            {before: before, after: renamed(outer("")) + literal, refused: lost},
		"renamed, references": {
			before: outer("") + refers, after: renamed(outer("")) + refers, shown: together,
		},
		"shifted": {
			before: several("\"NAME-a\", \"NAME\"") + inner(c.literal, "  depends_on = ["+address+"]\n"),
			after:  several("\"NAME\"") + literal, refused: lost,
		},
		"replaced":             {before: before, after: outer("  depends_on = ["+c.inner+".in]\n") + literal, args: replace, refused: lost},
		"replaced, references": {before: outer("") + refers, args: replace, shown: together},
		"replaced, references, adopt_existing": {
			before: outer("") + explicit, args: replace, shown: []string{lossWarned, c.lost}, isLeft: true,
		},
		"tainted":                {before: outer("") + refers, meanwhile: taint(address), shown: together},
		"replaced, all follow":   {before: outer("") + inner(c.refers, triggered(address)), args: replace},
		"replaced, create first": {before: outer(createFirst) + refers, args: replace, shown: []string{lossWarned}},
		"deleted by somebody else": {
			before: before, meanwhile: func(t *testing.T, _ *cli.Workspace, s *etcdtest.Server, name string) {
				t.Helper()
				s.JSON(t, http.MethodDelete, c.remove+name, nil)
			},
		},
	}
}

// No plan deletes with an object what other objects manage in it, unless it shows that.
func TestCLI_lossWithContainer(t *testing.T) {
	t.Parallel()

	l := newLab(t)
	cases := dirLosses()
	maps.Copy(cases, authLosses())
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l.tryLoss(t, c)
		})
	}
}

func (l *lab) tryLoss(t *testing.T, c loss) {
	t.Helper()
	own := etcdtest.Prefix(t)
	name := strings.TrimPrefix(own, "/")
	fill := strings.NewReplacer("DIR", own, "NAME", name).Replace
	w := l.workspace(t, "1.2.0", l.server.URL(), "")
	write := func(configuration string) { writeFile(t, w, "objects.tf", fill(configuration)) }
	write(c.before)
	mustRun(t, w, 0, "apply", "-auto-approve")
	before := keysBelow(t, l.server, own)
	if c.after != "" {
		write(c.after)
	}
	if c.meanwhile != nil {
		c.meanwhile(t, w, l.server, name)
	}
	apply := append([]string{"apply", "-auto-approve"}, c.args...)
	if c.refused != nil {
		mustContain(t, mustRun(t, w, 1, apply...), c.refused, fill)
		if found := keysBelow(t, l.server, own); !maps.Equal(found, before) {
			t.Errorf("keys = %v, want %v", found, before)
		}
		if c.meanwhile == nil {
			write(c.before)
			mustRun(t, w, 0, "destroy", "-auto-approve")
		}
		return
	}
	output := mustRun(t, w, 0, apply...)
	mustContain(t, output, c.shown, fill)
	if strings.Contains(output, lossWarned) != slices.Contains(c.shown, lossWarned) {
		t.Errorf("the plan warns of a loss, or does not:\n%s", output)
	}
	mustRun(t, w, map[bool]int{true: 2}[c.isLeft], "plan", "-detailed-exitcode")
	mustRun(t, w, 0, "destroy", "-auto-approve")
}

func mustContain(t *testing.T, output string, texts []string, fill func(string) string) {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(output+"\n", fill(text)) {
			t.Errorf("the output does not contain %q:\n%s", fill(text), output)
		}
	}
}
