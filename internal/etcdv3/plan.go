package etcdv3

import (
	"context"
	"slices"
	"strings"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// pageSize is how many keys are read in one request.
const pageSize = 500

// Item is a key that the v3 key space should contain.
type Item struct {
	Key, Value string
	// TTL is the time left when the item was read, in seconds and rounded up. 0 means that
	// it does not expire.
	TTL int64
}

// Wanted is what the v3 key space should contain below a prefix.
type Wanted struct {
	// Below is the prefix, which ends with a slash.
	Below string
	// Items are the keys, each of them once.
	Items []Item
	// Begin and End are the times at which reading the TTLs began and ended.
	Begin, End time.Time
}

// Reason is how an existing key in v3 differs from what is wanted.
type Reason int

// The reasons of a [Conflict].
const (
	// Exists: the key exists, and equal keys are not skipped.
	Exists Reason = iota + 1
	// OtherValue: it has another value.
	OtherValue
	// OtherLifetime: it expires at another time, or should not expire, or should.
	OtherLifetime
)

// Conflict is a key that exists in v3 and is not overwritten.
type Conflict struct {
	Key    string
	Reason Reason
}

// Plan is what has to be written, given what v3 contains.
type Plan struct {
	// Missing are the items that v3 does not contain.
	Missing []Item
	// Equal counts the items that it contains as wanted.
	Equal int
	// Conflicts are the items that it contains with a difference, sorted by key.
	Conflicts []Conflict
}

// Plan reads which of the wanted items v3 contains, and writes nothing. With skipEqual, a key
// that has the wanted value and lifetime is not a conflict.
func (c *Client) Plan(ctx context.Context, w Wanted, skipEqual bool) (*Plan, error) {
	found, err := c.find(ctx, w)
	if err != nil {
		return nil, err
	}
	p := &Plan{}
	for _, item := range w.Items {
		reason, isThere := found.judge(&w, item)
		switch {
		case !isThere:
			p.Missing = append(p.Missing, item)
		case reason == 0 && skipEqual:
			p.Equal++
		case reason == 0:
			p.Conflicts = append(p.Conflicts, Conflict{item.Key, Exists})
		default:
			p.Conflicts = append(p.Conflicts, Conflict{item.Key, reason})
		}
	}
	slices.SortFunc(p.Conflicts, func(a, b Conflict) int { return strings.Compare(a.Key, b.Key) })
	return p, nil
}

// found is what v3 contains of the items that were looked for.
type found struct {
	keys map[string]foundKey
	ends map[clientv3.LeaseID]span
	// others are keys below the prefix that were not looked for.
	others []string
	slack  time.Duration
}

type foundKey struct {
	sameValue bool
	lease     clientv3.LeaseID
}

// find looks for the items in v3, at one revision.
func (c *Client) find(ctx context.Context, w Wanted) (*found, error) {
	values := make(map[string]string, len(w.Items))
	for _, item := range w.Items {
		values[item.Key] = item.Value
	}
	f := &found{keys: make(map[string]foundKey), slack: c.slackNow()}
	leases := map[clientv3.LeaseID]bool{}
	err := c.scan(ctx, w.Below, func(kv *mvccpb.KeyValue) {
		key, lease := string(kv.Key), clientv3.LeaseID(kv.Lease)
		value, asked := values[key]
		if !asked {
			f.others = append(f.others, key)
			return
		}
		f.keys[key] = foundKey{value == string(kv.Value), lease}
		if lease != clientv3.NoLease {
			leases[lease] = true
		}
	})
	if err == nil {
		f.ends, err = c.ends(ctx, leases)
	}
	return f, err
}

// judge compares an item with what was found, and returns 0 if they are equal. A key whose
// lease has expired does not exist.
func (f *found) judge(w *Wanted, item Item) (reason Reason, isThere bool) {
	key, isThere := f.keys[item.Key]
	end, expires := f.ends[key.lease]
	switch {
	case !isThere, key.lease != clientv3.NoLease && !expires:
		return 0, false
	case !key.sameValue:
		return OtherValue, true
	case expires != (item.TTL > 0), expires && !end.within(w.end(item), f.slack):
		return OtherLifetime, true
	default:
		return 0, true
	}
}

// scan reads all keys below a prefix, at one revision.
func (c *Client) scan(ctx context.Context, below string, each func(*mvccpb.KeyValue)) error {
	from, end, revision := below, clientv3.GetPrefixRangeEnd(below), int64(0)
	for {
		request, cancel := context.WithTimeout(ctx, c.timeout)
		page, err := c.etcd.Get(request, from, clientv3.WithRange(end), clientv3.WithLimit(pageSize), clientv3.WithRev(revision))
		cancel()
		if err != nil {
			return classified(ctx, err)
		}
		for _, kv := range page.Kvs {
			each(kv)
		}
		if !page.More || len(page.Kvs) == 0 {
			return nil
		}
		from, revision = string(page.Kvs[len(page.Kvs)-1].Key)+"\x00", page.Header.Revision
	}
}
