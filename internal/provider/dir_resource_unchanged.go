package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
	"github.com/etcdv2/terraform-provider-etcd/internal/keyspace"
)

var (
	_ unchanging = (*dirResource)(nil)
	_ validating = (*dirResource)(nil)
)

// dirRead is the result of a read of a directory.
type dirRead struct {
	node *etcdv2.Node
	err  error
}

func (r dirRead) result() (*etcdv2.Node, error) { return r.node, r.err }

func readDirFor(ctx context.Context, store *keyspace.Store, state dirModel) dirRead {
	node, err := store.ReadDir(ctx, state.Path.ValueString())
	return dirRead{node, err}
}

func (r *dirResource) isValid(configured flatObject) bool {
	config := dirModelOf(configured)
	return fitsTTL(config.TTL) && etcdv2.CheckKey(config.Path.ValueString()) == nil
}

func (r *dirResource) readUnchanged(ctx context.Context, object flatObject, stored flatPrivate) (context.Context, bool) {
	state := dirModelOf(object)
	before, ok := flatPrivateState[dirPrivateState](stored)
	var ignored diag.Diagnostics
	store := r.store(&ignored)
	if !ok || store == nil {
		return ctx, false
	}
	found := readOnce(ctx, func() dirRead { return readDirFor(ctx, store, state) })
	ctx = keepRead(ctx, found)
	if found.err != nil {
		return ctx, false
	}
	// Another directory in its place has another created index.
	after, private := state, before
	private.ReplacedBy = 0
	after.TTL = private.refreshed(state.TTL, found.node)
	after.fromAPI(found.node)
	return ctx, after == state && private == before
}

func (r *dirResource) planUnchanged(configured, object flatObject, stored flatPrivate) bool {
	config, state := dirModelOf(configured), dirModelOf(object)
	private, ok := flatPrivateState[dirPrivateState](stored)
	plan := state
	plan.AdoptExisting = keepSteering(config.AdoptExisting, state.AdoptExisting)
	plan.ForceDestroy = keepSteering(config.ForceDestroy, state.ForceDestroy)
	plan.plan(&state, private)
	return ok && plan == state
}

func dirModelOf(o flatObject) dirModel {
	return dirModel{
		Path:          o.text("path"),
		TTL:           o.number("ttl"),
		ForceDestroy:  o.truth("force_destroy"),
		AdoptExisting: o.truth("adopt_existing"),
		CreatedIndex:  o.number("created_index"),
		ModifiedIndex: o.number("modified_index"),
		Expiration:    o.text("expiration"),
	}
}
