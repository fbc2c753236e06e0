package provider

import (
	"context"
	"encoding/json"

	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
	"github.com/etcdv2/terraform-provider-etcd/internal/keyspace"
)

var (
	_ unchanging = (*keyResource)(nil)
	_ validating = (*keyResource)(nil)
)

// keyRead is the result of a read of a key.
type keyRead struct {
	node *etcdv2.Node
	err  error
}

func (r keyRead) result() (*etcdv2.Node, error) { return r.node, r.err }

func readKeyFor(ctx context.Context, store *keyspace.Store, state keyModel) keyRead {
	node, err := store.ReadKey(ctx, state.Key.ValueString())
	return keyRead{node, err}
}

// isValid leaves write-only values to the framework.
func (r *keyResource) isValid(configured flatObject) bool {
	config := keyModelOf(configured)
	var diags diag.Diagnostics
	validateRenewal(config.TTLRenewBelow, config.TTL, &diags)
	return len(diags) == 0 && fitsTTL(config.TTL) && fitsTTL(config.TTLRenewBelow) &&
		config.Value.IsNull() != config.ValueJSON.IsNull() && config.ValueWOVersion.IsNull() &&
		(config.ValueJSON.IsNull() || json.Valid([]byte(config.ValueJSON.ValueString()))) &&
		etcdv2.CheckKey(config.Key.ValueString()) == nil &&
		etcdv2.CheckValue(config.Value.ValueString()) == nil && etcdv2.CheckValue(config.ValueJSON.ValueString()) == nil
}

func (r *keyResource) readUnchanged(ctx context.Context, object flatObject, stored flatPrivate) (context.Context, bool) {
	state := keyModelOf(object)
	before, ok := flatPrivateState[keyPrivateState](stored)
	var ignored diag.Diagnostics
	store := r.store(&ignored)
	if !ok || store == nil {
		return ctx, false
	}
	found := readOnce(ctx, func() keyRead { return readKeyFor(ctx, store, state) })
	ctx = keepRead(ctx, found)
	if found.err != nil || (state.ValueWOVersion.IsNull() && found.node.NotText) {
		return ctx, false
	}
	after, private := state, before
	after.refresh(found.node, &private)
	return ctx, after == state && private == before
}

func (r *keyResource) planUnchanged(configured, object flatObject, stored flatPrivate) bool {
	config, state := keyModelOf(configured), keyModelOf(object)
	before, ok := flatPrivateState[keyPrivateState](stored)
	if !ok {
		return false
	}
	plan := state
	plan.AdoptExisting = keepSteering(config.AdoptExisting, state.AdoptExisting)
	var diags diag.Diagnostics
	private, ok := plan.plan(config, &state, before, r.defaultTTL(), &diags)
	return ok && len(diags) == 0 && plan == state && private == before
}

func keyModelOf(o flatObject) keyModel {
	return keyModel{
		Key:            o.text("key"),
		Value:          o.text("value"),
		ValueJSON:      jsonValue{o.text("value_json")},
		ValueWO:        o.text("value_wo"),
		ValueWOVersion: o.number("value_wo_version"),
		TTL:            o.number("ttl"),
		TTLRenewBelow:  o.number("ttl_renew_below"),
		AdoptExisting:  o.truth("adopt_existing"),
		CreatedIndex:   o.number("created_index"),
		ModifiedIndex:  o.number("modified_index"),
		Expiration:     o.text("expiration"),
	}
}
