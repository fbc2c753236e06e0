package provider

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-log/tflog"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
	"github.com/etcdv2/terraform-provider-etcd/internal/keyspace"
)

const defaultWaitTimeout = 5 * time.Minute

// waitReadEvery is how often a key is read while it is waited for. A directory
// that appears because of a key in it causes no event of its own, and an endpoint
// that is cut off from its cluster reports no events at all.
const waitReadEvery = 30 * time.Second

// The descriptions of the conditions; exactly one is given.
const (
	oneWaitText    = " Exactly one of `exists`, `changed_since`, `equals` and `matches` is required."
	existsWaitText = "Wait until the key or directory exists (`true`), or until it does not (`false`)." + oneWaitText
	sinceWaitText  = "Wait until the key exists and its modified index is larger than this one. A refresh of its TTL increases the index " +
		"too." + oneWaitText
	equalsWaitText = "Wait until the key has this value." + oneWaitText
	matchesText    = "Wait until the value of the key matches this regular expression in RE2 syntax. It may match any part of the value; " +
		"use `^` and `$` to match all of it." + oneWaitText
)

// timeoutWaitText describes the timeout of a wait.
var timeoutWaitText = "Time limit of the wait, as a duration such as `30s`. It is an error if the condition is not met by then. " +
	"Default: `" + shortDuration(defaultWaitTimeout) + "`."

// waitConditions are the attributes for a condition; exactly one is given.
func waitConditions() []path.Expression {
	return []path.Expression{path.MatchRoot("exists"), path.MatchRoot("changed_since"), path.MatchRoot("equals"), path.MatchRoot("matches")}
}

// waitModel is the configuration of a wait.
type waitModel struct {
	Key          types.String `tfsdk:"key"`
	Exists       types.Bool   `tfsdk:"exists"`
	ChangedSince types.Int64  `tfsdk:"changed_since"`
	Equals       types.String `tfsdk:"equals"`
	Matches      types.String `tfsdk:"matches"`
	Timeout      types.String `tfsdk:"timeout"`
}

// wait is a condition on a key, and how long to wait for it.
type wait struct {
	key     string
	timeout time.Duration
	// isMet is the condition on a node, which is nil if there is none.
	isMet func(*etcdv2.Node) bool
	// wants words the condition, without a value.
	wants string
	// dirs reports whether a directory can meet the condition.
	dirs bool
	// readEvery is how often the key is read while it is waited for.
	readEvery time.Duration
	// progress, if not nil, is called now and then with what is being waited for.
	progress func(text string)
}

// wait turns the model into a condition.
func (m *waitModel) wait() (wait, error) {
	w := wait{key: m.Key.ValueString(), readEvery: waitReadEvery}
	var err error
	if w.timeout, err = durationOr(m.Timeout, defaultWaitTimeout); err != nil {
		return w, err
	}
	switch {
	case notNull(m.Exists):
		w.dirs = true
		w.wants = "to exist"
		if !m.Exists.ValueBool() {
			w.wants = "not to exist"
		}
		w.isMet = func(n *etcdv2.Node) bool { return m.Exists.ValueBool() == (n != nil) }
	case notNull(m.ChangedSince):
		w.wants = fmt.Sprintf("to change after index %d", m.ChangedSince.ValueInt64())
		w.isMet = func(n *etcdv2.Node) bool { return n != nil && n.ModifiedIndex > indexOf(m.ChangedSince) }
	case notNull(m.Equals):
		w.wants = "to have the value of equals"
		w.isMet = func(n *etcdv2.Node) bool {
			return n != nil && !n.NotText && keyspace.SameValue(n.Value, m.Equals.ValueString(), false)
		}
	default:
		pattern, err := regexp.Compile(m.Matches.ValueString())
		if err != nil {
			return w, err
		}
		w.wants = "to match the pattern of matches"
		w.isMet = func(n *etcdv2.Node) bool { return n != nil && pattern.MatchString(n.Value) }
	}
	return w, nil
}

// until waits until the condition is met, and returns the node as it was then, nil
// if there was none.
func (w wait) until(parent context.Context, keys *etcdv2.KeysService) (*etcdv2.Node, error) {
	ctx, cancel := context.WithTimeout(parent, w.timeout)
	defer cancel()
	var last *etcdv2.Node
	for {
		node, index, err := readNode(ctx, keys, w.key)
		if err == nil {
			last = node
			if node, err = w.watch(ctx, keys, &last, index); err == nil {
				return node, nil
			}
		}
		switch {
		case parent.Err() == nil && ctx.Err() != nil:
			return nil, &waitTimeoutError{wait: w, last: last}
		case !errors.Is(err, etcdv2.ErrWatchTimeout):
			return nil, err
		}
	}
}

// watch checks what was read at an index, and then each event after it: there
// is no gap between the two.
func (w wait) watch(ctx context.Context, keys *etcdv2.KeysService, last **etcdv2.Node, index uint64) (*etcdv2.Node, error) {
	w.report(ctx, *last)
	for node := *last; ; node = *last {
		if node != nil && node.Dir && !w.dirs {
			return nil, fmt.Errorf("%s: %w", w.key, etcdv2.ErrNotFile)
		}
		if w.isMet(node) {
			return node, nil
		}
		event, err := keys.Watch(ctx, w.key, etcdv2.WatchOptions{AfterIndex: index, Timeout: w.readEvery})
		if err != nil {
			return nil, err
		}
		index, *last = event.Index, event.Node
		if event.Gone() {
			*last = nil
		}
	}
}

func (w wait) report(ctx context.Context, n *etcdv2.Node) {
	text := fmt.Sprintf("Waiting for %s %s; it %s", w.key, w.wants, wordNode(n))
	tflog.Info(ctx, text)
	if w.progress != nil {
		w.progress(text)
	}
}

// readNode reads a key or directory, nil if there is none, and the etcd index
// of the answer.
func readNode(ctx context.Context, keys *etcdv2.KeysService, key string) (*etcdv2.Node, uint64, error) {
	resp, err := keys.Get(ctx, key, etcdv2.GetOptions{})
	if err == nil {
		return resp.Node, resp.EtcdIndex, nil
	}
	if apiErr, ok := errors.AsType[*etcdv2.Error](err); ok && errors.Is(err, etcdv2.ErrNotFound) {
		return nil, apiErr.Index, nil
	}
	return nil, 0, err
}

// wordNode says what is known of a node, without its value.
func wordNode(n *etcdv2.Node) string {
	switch {
	case n == nil:
		return "does not exist"
	case n.Dir:
		return "is a directory"
	default:
		return fmt.Sprintf("was last changed at index %d", n.ModifiedIndex)
	}
}

// waitTimeoutError is a condition that was not met in time.
type waitTimeoutError struct {
	wait

	last *etcdv2.Node
}

func (e *waitTimeoutError) Error() string {
	return fmt.Sprintf("waited %s for %s %s; it %s", shortDuration(e.timeout), e.key, e.wants, wordNode(e.last))
}

func addWaitFailure(diags *diag.Diagnostics, w wait, err error) {
	timedOut, ok := errors.AsType[*waitTimeoutError](err)
	switch {
	case ok:
		diags.AddError("Timed out waiting for a key", sentence(timedOut)+" Raise timeout, or look at who should change it.")
	case errors.Is(err, etcdv2.ErrNotFile):
		diags.AddError("Key is a directory", "There is a directory at "+w.key+", which has no value, and whose index does not change with its "+
			"content. Wait for a key in it.")
	default:
		addFailure(diags, "Unable to wait for key", w.key, err)
	}
}
