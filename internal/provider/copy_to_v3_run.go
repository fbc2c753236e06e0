package provider

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/action"
	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv3"
	"github.com/etcdv2/terraform-provider-etcd/internal/keyspace"
)

// progressEvery is how often a long action reports how far it is.
const progressEvery = 3 * time.Second

// reporter reports the progress of a long action now and then.
type reporter struct {
	resp *action.InvokeResponse
	last time.Time
}

func newReporter(resp *action.InvokeResponse) *reporter {
	return &reporter{resp: resp, last: time.Now()}
}

// say reports a step.
func (r *reporter) say(format string, args ...any) {
	r.last = time.Now()
	progress(r.resp, fmt.Sprintf(format, args...))
}

// sometimes reports how far a step is, if nothing was reported for a while.
func (r *reporter) sometimes(format string, args ...any) {
	if time.Since(r.last) >= progressEvery {
		r.say(format, args...)
	}
}

// copyToV3 is one run of the action etcd_copy_to_v3.
type copyToV3 struct {
	diags  *diag.Diagnostics
	report *reporter
	source *etcdv2.Client
	store  *keyspace.Store
	v3     *etcdv3.Client
	// prefix is the directory in v2, target what the v3 keys begin with in its place.
	prefix, target  string
	exclude, hidden []string
	skipEqual       bool
}

func (c *copyToV3) close() {
	c.source.CloseIdleConnections()
	if err := c.v3.Close(); err != nil {
		c.diags.AddWarning("Connection to the v3 cluster was not closed", sentence(err))
	}
}

// run copies and compares.
func (c *copyToV3) run(ctx context.Context) {
	before := c.read(ctx)
	if before == nil || !c.copy(ctx, *before) {
		return
	}
	if now := c.read(ctx); now != nil {
		c.compare(ctx, *now, *before)
	}
}

// read reads the v2 side as v3 is to contain it, nil if it cannot be copied.
func (c *copyToV3) read(ctx context.Context) *etcdv3.Wanted {
	content, err := c.store.ReadContent(ctx, c.prefix, c.hidden)
	if err != nil {
		addFailure(c.diags, "Unable to read the v2 store", c.prefix, err)
		return nil
	}
	content = content.Without(c.exclude)
	if lost := content.NotText(); len(lost) > 0 {
		c.diags.AddError("Keys cannot be copied", "The v2 API does not return bytes that are not UTF-8 text, and these keys contain such bytes "+
			"in their value or their name:\n\n"+enumerate(lost)+"\n\nNothing was written for them. Copy them with a program that reads the data "+
			"directory, or delete them, and add them to exclude.")
		return nil
	}
	c.report.say("Read %s below %s at index %d", counted(len(content.Keys), "key"), c.prefix, content.Index)
	if empty := content.EmptyDirs(); len(empty) > 0 {
		c.report.say("%s without a counterpart in v3, empty unless hidden keys are in it: %s",
			counted(len(empty), "directory"), strings.TrimSpace(enumerate(empty)))
	}
	wanted := &etcdv3.Wanted{Below: c.target + "/", Begin: content.Begin, End: content.End}
	for _, entry := range content.Keys {
		key := c.target + strings.TrimPrefix(entry.Key, strings.TrimSuffix(c.prefix, "/"))
		wanted.Items = append(wanted.Items, etcdv3.Item{Key: key, Value: entry.Value, TTL: entry.Left})
	}
	return wanted
}

// copy writes what v3 lacks, and reports whether it could.
func (c *copyToV3) copy(ctx context.Context, wanted etcdv3.Wanted) bool {
	plan, err := c.v3.Plan(ctx, wanted, c.skipEqual)
	if err != nil {
		addFailure(c.diags, "Unable to read the v3 key space", wanted.Below, err)
		return false
	}
	if len(plan.Conflicts) > 0 {
		c.addConflicts(plan.Conflicts, "Nothing was written.")
		return false
	}
	c.report.say("%s to copy to the cluster %s, %d equal in v3 already", counted(len(plan.Missing), "key"), c.v3.ClusterID, plan.Equal)
	written, err := c.v3.Write(ctx, wanted, plan.Missing, c.skipEqual, func(settled int) {
		c.report.sometimes("%d of %s copied", settled, counted(len(plan.Missing), "key"))
	})
	done := fmt.Sprintf("%s copied with %s.", counted(written.Copied, "key"), counted(written.Leases, "lease"))
	switch {
	case err != nil:
		addFailure(c.diags, "Unable to copy all keys to v3", done+" "+repeatText, err)
		return false
	case len(written.Conflicts) > 0:
		c.addConflicts(written.Conflicts, "They were written by somebody else during the copy. "+done+" "+repeatText)
		return false
	}
	if written.Expired > 0 {
		done += fmt.Sprintf(" %s before being copied.", counted(written.Expired, "key")+" expired")
	}
	c.report.say("%s", done)
	return true
}

// compare compares both sides.
func (c *copyToV3) compare(ctx context.Context, now, before etcdv3.Wanted) {
	result, err := c.v3.Compare(ctx, now, before)
	if err != nil {
		addFailure(c.diags, "Unable to compare v3 with v2", "The keys were copied. "+repeatText, err)
		return
	}
	if len(result.Others) > 0 {
		c.diags.AddWarning("v3 has other keys", fmt.Sprintf("Below %s, v3 contains %s that %s does not contain in v2. They were there before, "+
			"or somebody else has written them since, or they were deleted in v2 after an earlier copy:\n\n%s", now.Below,
			counted(len(result.Others), "key"), c.prefix, enumerate(result.Others)))
	}
	if len(result.Different) > 0 {
		c.addDifferences(result.Different)
		return
	}
	c.report.say("%s equal in v2 and v3: values and lifetimes", counted(result.Equal, "key"))
}

// counted writes a number with a noun.
func counted(n int, noun string) string {
	plural, isY := strings.CutSuffix(noun, "y")
	switch {
	case n == 1:
		return "1 " + noun
	case isY && noun != "key":
		return fmt.Sprintf("%d %sies", n, plural)
	default:
		return fmt.Sprintf("%d %ss", n, noun)
	}
}
