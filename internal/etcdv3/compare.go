package etcdv3

import (
	"context"
	"slices"
	"strings"
	"time"
)

// Difference is how a key in v3 differs from its source.
type Difference int

// The differences that [Client.Compare] finds.
const (
	// Missing: the key is not in v3.
	Missing Difference = iota + 1
	// CreatedSince: the key is not in v3, and did not exist when the copy began.
	CreatedSince
	// DifferentValue: v3 has another value.
	DifferentValue
	// ChangedSince: v3 has another value, which the source had when the copy began.
	ChangedSince
	// DifferentLifetime: the key expires at another time in v3, or only one of the two expires.
	DifferentLifetime
	// DeletedSince: the key is in v3, and no longer in the source.
	DeletedSince
)

// Different is a key that differs.
type Different struct {
	Key  string
	What Difference
}

// Comparison is the outcome of [Client.Compare].
type Comparison struct {
	// Equal counts the keys that are in v3 as wanted.
	Equal int
	// Different are the keys that are not in v3 as wanted, sorted by key.
	Different []Different
	// Others are keys below the prefix that are only in v3, sorted.
	Others []string
}

// Compare reads what v3 contains and compares it with the source as it is now. before is the
// source as it was when the copy began, which distinguishes a change of the source from a
// fault of the copy. A key that is about to expire may be missing on either side.
func (c *Client) Compare(ctx context.Context, now, before Wanted) (*Comparison, error) {
	all := Wanted{Below: now.Below, Items: slices.Clone(now.Items)}
	then, isNow := map[string]Item{}, map[string]bool{}
	for _, item := range now.Items {
		isNow[item.Key] = true
	}
	for _, item := range before.Items {
		if then[item.Key] = item; !isNow[item.Key] {
			all.Items = append(all.Items, item)
		}
	}
	found, err := c.find(ctx, all)
	if err != nil {
		return nil, err
	}
	result := &Comparison{Others: slices.Sorted(slices.Values(found.others))}
	for _, item := range all.Items {
		var what Difference
		if earlier, wasThen := then[item.Key]; isNow[item.Key] {
			what = found.compare(&now, item, earlier, wasThen)
		} else {
			what = found.compareGone(&before, item)
		}
		switch {
		case what != 0:
			result.Different = append(result.Different, Different{item.Key, what})
		case isNow[item.Key]:
			result.Equal++
		}
	}
	slices.SortFunc(result.Different, func(a, b Different) int { return strings.Compare(a.Key, b.Key) })
	return result, nil
}

// compare compares a key of the source with v3.
func (f *found) compare(now *Wanted, item, earlier Item, wasThen bool) Difference {
	reason, isThere := f.judge(now, item)
	switch {
	case !isThere && f.isOver(now, item):
		return 0
	case !isThere && !wasThen:
		return CreatedSince
	case !isThere:
		return Missing
	case reason == OtherValue && wasThen && earlier.Value != item.Value:
		return ChangedSince
	case reason == OtherValue:
		return DifferentValue
	case reason == OtherLifetime:
		return DifferentLifetime
	default:
		return 0
	}
}

// compareGone compares a key that is no longer in the source. It may be in v3 until it
// expires.
func (f *found) compareGone(before *Wanted, item Item) Difference {
	reason, isThere := f.judge(before, item)
	if !isThere || reason == 0 && f.isOver(before, item) {
		return 0
	}
	return DeletedSince
}

// isOver reports whether an item is about to expire.
func (f *found) isOver(w *Wanted, item Item) bool {
	return item.TTL > 0 && w.end(item).from.Before(time.Now().Add(f.slack))
}
