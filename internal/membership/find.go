package membership

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
	"github.com/etcdv2/terraform-provider-etcd/internal/pause"
)

// Find returns the member with the id. It returns ErrNotFound only if a quorum confirms
// it, because an endpoint that lags behind does not know a new member.
func Find(ctx context.Context, members *etcdv2.MembersService, id string) (*etcdv2.Member, error) {
	member, err := members.Get(ctx, id)
	if !errors.Is(err, etcdv2.ErrNotFound) {
		return member, err
	}
	all, err := members.ListLinearizable(ctx)
	if err != nil {
		return nil, err
	}
	if i := indexOf(all, id); i >= 0 {
		return &all[i], nil
	}
	return nil, fmt.Errorf("member %s: %w", id, etcdv2.ErrNotFound)
}

func indexOf(members []etcdv2.Member, id string) int {
	return slices.IndexFunc(members, func(m etcdv2.Member) bool { return m.ID == id })
}

// WaitStarted waits until a member is started and healthy. If the context ends first, it
// returns an *Overdue that contains the last state of the member.
func WaitStarted(ctx context.Context, members *etcdv2.MembersService, id string) (*etcdv2.Member, error) {
	seen := &Refusal{Kind: NotListed, Member: etcdv2.Member{ID: id}}
	for {
		found, err := members.Health(ctx)
		switch {
		case err == nil:
			seen = &Refusal{Kind: NotListed, Member: etcdv2.Member{ID: id}}
		case ctx.Err() == nil:
			seen = &Refusal{Kind: Unreachable, Member: etcdv2.Member{ID: id}, Err: err}
		}
		for _, m := range found {
			switch {
			case m.ID != id:
			case m.Healthy:
				return &m.Member, nil
			default:
				seen = &Refusal{Kind: NotHealthy, Member: m.Member, Err: m.Err}
			}
		}
		if err := pause.For(ctx, poll); err != nil {
			return nil, &Overdue{seen, err}
		}
	}
}
