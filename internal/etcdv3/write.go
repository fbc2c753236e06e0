package etcdv3

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/etcdv2/terraform-provider-etcd/internal/pause"
)

const (
	// opsAtOnce is how many operations a server accepts in one transaction by default.
	opsAtOnce = 128
	// bytesAtOnce is well below what a server accepts in one request, 1.5 MiB.
	bytesAtOnce = 1 << 20
	// tries is how often a transaction is sent if its answers are lost.
	tries = 5
	// soonEnough is how long the grant of a lease may take.
	soonEnough = time.Second
	// goneTries is how often it is sent while a lease has expired and its keys still exist.
	goneTries = 100
	// firstDelay is the time before the second attempt; it doubles with each attempt.
	firstDelay = 100 * time.Millisecond
)

// Written is what [Client.Write] did.
type Written struct {
	// Copied counts the keys that were written, and Leases the leases that were granted.
	Copied, Leases int
	// Equal counts keys that another writer has written meanwhile, as wanted.
	Equal int
	// Expired counts keys that expired before they could be written.
	Expired int
	// Conflicts are keys that another writer has written meanwhile, with a difference.
	Conflicts []Conflict
}

// Write creates the items, which v3 does not contain, in transactions of a bounded size. The
// largest values come first, so that a value that the server rejects fails before much is
// written. Write stops at the first error or conflict. It calls progress with the number of
// settled items.
func (c *Client) Write(ctx context.Context, w Wanted, items []Item, skipEqual bool, progress func(settled int)) (Written, error) {
	wr := &writer{client: c, wanted: &w, skipEqual: skipEqual, leases: map[int64]*lease{}}
	defer wr.revokeUnused(ctx)
	items = slices.Clone(items)
	slices.SortStableFunc(items, func(a, b Item) int {
		if large := bytesAtOnce / opsAtOnce; len(a.Value) <= large && len(b.Value) <= large {
			return cmp.Compare(a.Key, b.Key)
		}
		return cmp.Compare(len(b.Value), len(a.Value))
	})
	settled := 0
	for len(items) > 0 {
		batch := firstBatch(items)
		if err := wr.put(ctx, batch); err != nil || len(wr.done.Conflicts) > 0 {
			return wr.done, err
		}
		items, settled = items[len(batch):], settled+len(batch)
		progress(settled)
	}
	return wr.done, nil
}

// firstBatch returns as many of the first items as fit into one transaction.
func firstBatch(items []Item) []Item {
	size := 0
	for i, item := range items {
		// The key is in the condition, in the put and in the read.
		size += 3*len(item.Key) + len(item.Value)
		if i == opsAtOnce || i > 0 && size > bytesAtOnce {
			return items[:i]
		}
	}
	return items
}

// lease is a lease of this run.
type lease struct {
	id clientv3.LeaseID
	// used reports whether any key may have it.
	used bool
}

type writer struct {
	client    *Client
	wanted    *Wanted
	skipEqual bool
	// leases are by the TTL of the items. All TTLs were read at the same time.
	leases map[int64]*lease
	done   Written
}

// put creates a batch of items.
func (w *writer) put(ctx context.Context, batch []Item) error {
	lost := false
	for round := 1; round <= goneTries; round++ {
		if batch = w.alive(batch); len(batch) == 0 {
			return nil
		}
		answer, answerLost, err := w.sendAgain(ctx, batch)
		lost = lost || answerLost
		switch {
		case err == nil && answer.Succeeded:
			w.done.Copied += len(batch)
			return nil
		case err == nil:
			batch, err = w.sortOut(ctx, batch, answer, lost)
		case (errors.Is(err, errTooManyOps) || errors.Is(err, ErrTooLarge)) && len(batch) > 1:
			return w.putHalves(ctx, batch)
		case errors.Is(err, ErrTooLarge):
			err = fmt.Errorf("%s with %d bytes: %w", batch[0].Key, len(batch[0].Value), err)
		case errors.Is(err, errLeaseGone):
			w.forgetLeases(batch)
			err = nil
		}
		if err != nil || len(w.done.Conflicts) > 0 || len(batch) == 0 {
			return err
		}
		if err := pause.For(ctx, firstDelay); err != nil {
			return err
		}
	}
	return fmt.Errorf("%s: %w", batch[0].Key, errLeaseGone)
}

func (w *writer) putHalves(ctx context.Context, batch []Item) error {
	if err := w.put(ctx, batch[:len(batch)/2]); err != nil || len(w.done.Conflicts) > 0 {
		return err
	}
	return w.put(ctx, batch[len(batch)/2:])
}

// sendAgain sends the transaction of a batch until it is answered, a few times at most.
func (w *writer) sendAgain(ctx context.Context, batch []Item) (answer *clientv3.TxnResponse, lost bool, err error) {
	for try := range tries {
		answer, err = w.send(ctx, batch)
		if !errors.Is(err, ErrUnavailable) {
			return answer, lost, err
		}
		lost = true
		if err := pause.For(ctx, firstDelay<<try); err != nil {
			return nil, lost, err
		}
	}
	return nil, lost, fmt.Errorf("%w: %w", ErrOutcomeUnknown, err)
}

// alive leaves out the expired items.
func (w *writer) alive(batch []Item) []Item {
	alive := slices.DeleteFunc(slices.Clone(batch), func(item Item) bool { return item.TTL > 0 && w.wanted.left(item) < 1 })
	w.done.Expired += len(batch) - len(alive)
	return alive
}

// send sends the transaction that creates a batch, or that reads it if any key exists.
func (w *writer) send(ctx context.Context, batch []Item) (*clientv3.TxnResponse, error) {
	var absent []clientv3.Cmp
	var puts, gets []clientv3.Op
	for _, item := range batch {
		id, err := w.grant(ctx, item)
		if err != nil {
			return nil, err
		}
		absent = append(absent, clientv3.Compare(clientv3.Version(item.Key), "=", 0))
		puts = append(puts, clientv3.OpPut(item.Key, item.Value, clientv3.WithLease(id)))
		gets = append(gets, clientv3.OpGet(item.Key))
	}
	request, cancel := context.WithTimeout(ctx, w.client.timeout)
	defer cancel()
	answer, err := w.client.etcd.Txn(request).If(absent...).Then(puts...).Else(gets...).Commit()
	err = classified(ctx, err)
	if err == nil && answer.Succeeded || errors.Is(err, ErrUnavailable) || ctx.Err() != nil {
		w.markUsed(batch)
	}
	return answer, err
}

// grant returns the lease of an item, 0 if the item does not expire.
func (w *writer) grant(ctx context.Context, item Item) (clientv3.LeaseID, error) {
	if item.TTL == 0 {
		return clientv3.NoLease, nil
	}
	if have := w.leases[item.TTL]; have != nil {
		return have.id, nil
	}
	id, err := w.grantOnTime(ctx, item)
	if err != nil {
		return clientv3.NoLease, classified(ctx, err)
	}
	w.leases[item.TTL] = &lease{id: id}
	w.done.Leases++
	return id, nil
}

// grantOnTime asks for a lease until one is granted at once: its time begins when the
// server gets to it, which can be later than its length was computed for.
func (w *writer) grantOnTime(ctx context.Context, item Item) (clientv3.LeaseID, error) {
	for try := 1; ; try++ {
		request, cancel := context.WithTimeout(ctx, w.client.timeout)
		begin, asked := time.Now(), max(w.wanted.left(item), 1)
		answer, err := w.client.etcd.Grant(request, asked)
		cancel()
		if err != nil {
			return clientv3.NoLease, err
		}
		took := time.Since(begin)
		if took < soonEnough || try == tries {
			w.client.lengthened(asked, answer.TTL, took)
			return answer.ID, nil
		}
		// No key has it yet.
		request, cancel = context.WithTimeout(ctx, w.client.timeout)
		_, err = w.client.etcd.Revoke(request, answer.ID)
		cancel()
		if err != nil {
			return clientv3.NoLease, err
		}
	}
}

func (w *writer) markUsed(batch []Item) {
	for _, item := range batch {
		if have := w.leases[item.TTL]; have != nil {
			have.used = true
		}
	}
}

func (w *writer) forgetLeases(batch []Item) {
	for _, item := range batch {
		delete(w.leases, item.TTL)
	}
}

// sortOut compares a batch with what exists, and returns the items that do not exist yet. After
// a lost answer, a key with the value and the lease that were sent is the batch's own.
func (w *writer) sortOut(ctx context.Context, batch []Item, answer *clientv3.TxnResponse, lost bool) ([]Item, error) {
	f := &found{keys: map[string]foundKey{}, slack: w.client.slackNow()}
	leases := map[clientv3.LeaseID]bool{}
	for i, item := range batch {
		for _, kv := range answer.Responses[i].GetResponseRange().GetKvs() {
			f.keys[item.Key] = foundKey{string(kv.Value) == item.Value, clientv3.LeaseID(kv.Lease)}
			if kv.Lease != 0 {
				leases[clientv3.LeaseID(kv.Lease)] = true
			}
		}
	}
	var err error
	if f.ends, err = w.client.ends(ctx, leases); err != nil {
		return nil, err
	}
	var missing []Item
	for _, item := range batch {
		reason, isThere := f.judge(w.wanted, item)
		switch {
		case !isThere:
			missing = append(missing, item)
		case reason == 0 && lost && w.isOwn(item, f.keys[item.Key].lease):
			w.done.Copied++
		case reason == 0 && w.skipEqual:
			w.done.Equal++
		default:
			w.done.Conflicts = append(w.done.Conflicts, Conflict{item.Key, cmp.Or(reason, Exists)})
		}
	}
	return missing, nil
}

// isOwn reports whether a key has the lease that this run gave it.
func (w *writer) isOwn(item Item, id clientv3.LeaseID) bool {
	have := w.leases[item.TTL]
	return have == nil && id == clientv3.NoLease || have != nil && have.id == id
}

// revokeUnused revokes the leases that no key can have. Those that it cannot revoke expire.
func (w *writer) revokeUnused(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), w.client.timeout)
	defer cancel()
	for _, lease := range w.leases {
		if !lease.used {
			if _, err := w.client.etcd.Revoke(ctx, lease.id); err != nil {
				return
			}
		}
	}
}
