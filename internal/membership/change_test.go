package membership_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
	"github.com/etcdv2/terraform-provider-etcd/internal/membership"
)

func newClient(t *testing.T, endpoints ...string) *etcdv2.Client {
	t.Helper()
	c, err := etcdv2.New(etcdv2.Options{Endpoints: endpoints, ConnectTimeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// within returns a context for changes that should end soon.
func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// wantRefusal checks the kind of a refusal, and returns it.
func wantRefusal(t *testing.T, err error, want membership.Kind) membership.Refusal {
	t.Helper()
	refusal, ok := errors.AsType[*membership.Refusal](err)
	if !ok || refusal.Kind != want {
		t.Fatalf("error = %v, want the refusal %s", err, want)
	}
	return *refusal
}

// wantOverdue checks what a change waited for until its deadline.
func wantOverdue(t *testing.T, err error, want membership.Kind) {
	t.Helper()
	overdue, ok := errors.AsType[*membership.Overdue](err)
	if !ok || overdue.Refusal.Kind != want || !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("error = %v, want Overdue with %s", err, want)
	}
}

func membersOf(t *testing.T, c *etcdv2.Client) []etcdv2.Member {
	t.Helper()
	members, err := c.Members.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return members
}

func TestChange_clusterOfOne(t *testing.T) {
	t.Parallel()
	s := etcdtest.Start(t)
	c := newClient(t, s.URL())
	self := membersOf(t, c)[0]
	n2, n3 := s.Reserve(t, "n2").PeerURL(), s.Reserve(t, "n3").PeerURL()
	change := func(force bool) *membership.Change { return &membership.Change{Members: c.Members, Force: force} }

	_, err := change(false).Add(t.Context(), []string{n2})
	if r := wantRefusal(t, err, membership.AddLosesQuorum); r.Total != 2 || r.Needed != 2 || r.Healthy != 1 {
		t.Errorf("refusal = %+v, want 1 of 2 healthy and 2 needed", r)
	}
	wantRefusal(t, change(true).Remove(t.Context(), self.ID), membership.OnlyMember)
	_, err = change(true).Add(t.Context(), self.PeerURLs)
	wantRefusal(t, err, membership.Exists)
	_, err = change(true).Add(t.Context(), []string{n2, self.PeerURLs[0]})
	if r := wantRefusal(t, err, membership.URLTaken); r.Member.ID != self.ID || !errors.Is(err, etcdv2.ErrExists) {
		t.Errorf("refusal = %v, want one about %s that is ErrExists", err, self.ID)
	}
	if err := change(false).Remove(t.Context(), "1234"); err != nil {
		t.Errorf("Remove() of an absent member = %v, want nil", err)
	}
	if n := len(membersOf(t, c)); n != 1 {
		t.Fatalf("members = %d, want 1", n)
	}

	added, err := change(true).Add(t.Context(), []string{n2})
	if err != nil || !slices.Equal(added.PeerURLs, []string{n2}) {
		t.Fatalf("Add() = %v, %v, want a member at %s", added, err, n2)
	}
	_, err = change(true).Add(within(t, time.Second), []string{n3})
	wantOverdue(t, err, membership.NotStarted)
	_, err = membership.WaitStarted(within(t, time.Second), c.Members, added.ID)
	wantOverdue(t, err, membership.NotHealthy)
	_, err = membership.WaitStarted(within(t, time.Second), c.Members, "1234")
	wantOverdue(t, err, membership.NotListed)
}

// dropAccepted loses the first answer that confirms a change.
func dropAccepted() etcdtest.Action {
	var dropped atomic.Bool
	return func(x *etcdtest.Exchange) {
		answer := x.Fetch()
		if answer != nil && answer.Code < 300 && dropped.CompareAndSwap(false, true) {
			x.Cut()
			return
		}
		x.Deliver(answer)
	}
}

func TestChange_lostAnswers(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.StartCluster(t, 3)
	p := etcdtest.NewProxy(t, cluster.Servers[0].URL())
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete} {
		p.Inject(etcdtest.Rule{Method: method, Path: "/v2/members", Action: dropAccepted()})
	}
	c := newClient(t, p.URL())
	change := func() *membership.Change { return &membership.Change{Members: c.Members} }
	urls := []string{cluster.Reserve(t, "n4").PeerURL()}
	moved := []string{cluster.Reserve(t, "other").PeerURL()}

	added, err := change().Add(t.Context(), urls)
	if err != nil {
		t.Fatal(err)
	}
	if i := slices.IndexFunc(membersOf(t, c), func(m etcdv2.Member) bool { return m.ID == added.ID }); i < 0 || len(membersOf(t, c)) != 4 {
		t.Fatalf("members = %+v, want four with %s", membersOf(t, c), added.ID)
	}
	_, err = change().Update(t.Context(), added.ID, moved, urls)
	if err != nil {
		t.Errorf("Update() to what the member has = %v, want nil", err)
	}
	_, err = change().Update(t.Context(), added.ID, moved, []string{"http://127.0.0.1:1"})
	wantRefusal(t, err, membership.Changed)
	_, err = change().Update(t.Context(), added.ID, urls, []string{cluster.Servers[1].PeerURL()})
	wantRefusal(t, err, membership.URLTaken)
	_, err = change().Update(t.Context(), "1234", urls, moved)
	wantRefusal(t, err, membership.Gone)
	updated, err := change().Update(t.Context(), added.ID, urls, moved)
	if err != nil || !slices.Equal(updated.PeerURLs, moved) {
		t.Fatalf("Update() = %v, %v, want %v", updated, err, moved)
	}
	if err := change().Remove(t.Context(), added.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := membership.Find(t.Context(), c.Members, added.ID); !errors.Is(err, etcdv2.ErrNotFound) {
		t.Errorf("Find() after the removal = %v, want ErrNotFound", err)
	}
}

// listsBefore makes a proxy list only some of the members for one change, as an etcd 2 does that has just
// been started and has not caught up: for the lock, and for the health of the members.
func listsBefore(t *testing.T, p *etcdtest.Proxy, members ...etcdv2.Member) {
	t.Helper()
	list, err := json.Marshal(map[string]any{"members": members})
	if err != nil {
		t.Fatal(err)
	}
	header := http.Header{"Content-Type": {"application/json"}}
	p.Inject(etcdtest.Rule{Method: http.MethodGet, Path: "/v2/members", Times: 2, Action: etcdtest.Respond(200, header, string(list))})
}

// No change is refused, and none is made, because an endpoint lists the members of before.
func TestChange_listOfBefore(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.StartCluster(t, 3)
	p := etcdtest.NewProxy(t, cluster.Servers[0].URL())
	c := newClient(t, p.URL())
	change := &membership.Change{Members: c.Members}
	named := map[string]etcdv2.Member{}
	for _, m := range membersOf(t, c) {
		named[m.Name] = m
	}
	n1, n2 := named["n1"], named["n2"]

	listsBefore(t, p, n1)
	added, err := change.Add(t.Context(), []string{cluster.Reserve(t, "n4").PeerURL()})
	if err != nil {
		t.Fatalf("Add() while one member is listed = %v, want a member", err)
	}
	listsBefore(t, p, *added)
	if err := change.Remove(t.Context(), added.ID); err != nil {
		t.Fatalf("Remove() while one member is listed = %v, want nil", err)
	}

	cluster.Servers[2].Kill(t)
	listsBefore(t, p, n1, n2)
	wantOverdue(t, change.Remove(within(t, 5*time.Second), n2.ID), membership.RemoveLosesQuorum)
	if n := len(membersOf(t, c)); n != 3 {
		t.Errorf("members = %d, want 3", n)
	}
}

// First a request is lost and then the quorum, so whether the member is removed remains
// unknown.
func TestChange_unsettled(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.StartCluster(t, 3)
	p := etcdtest.NewProxy(t, cluster.Servers[0].URL())
	p.Inject(etcdtest.Rule{Method: http.MethodDelete, Path: "/v2/members", Action: func(x *etcdtest.Exchange) {
		etcdtest.Apart(t, func(t *testing.T) {
			cluster.Servers[1].Kill(t)
			cluster.Servers[2].Kill(t)
		})
		x.Cut()
	}})
	c := newClient(t, p.URL())
	members := membersOf(t, c)
	i := slices.IndexFunc(members, func(m etcdv2.Member) bool { return m.Name == cluster.Servers[2].Name })
	change := &membership.Change{Members: c.Members}
	err := change.Remove(within(t, 20*time.Second), members[i].ID)
	if r := wantRefusal(t, err, membership.NoQuorum); r.Healthy > 1 || r.Needed != 2 || r.Total != 3 {
		t.Errorf("refusal = %+v, want at most 1 of 3 healthy and 2 needed", r)
	}
	unsettled, ok := errors.AsType[*membership.Unsettled](err)
	if !ok || !errors.Is(err, etcdv2.ErrOutcomeUnknown) || !errors.Is(unsettled.Lost, etcdv2.ErrOutcomeUnknown) {
		t.Errorf("Remove() = %v, want ErrOutcomeUnknown", err)
	}
}
