package provider

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

// prefixPrivate is the name in private state of a prefixLedger.
const prefixPrivate = "keys"

// prefixLedger is what private state holds of a prefix. A computed attribute
// would print a line for every key in every plan.
type prefixLedger struct {
	Keys      map[string]ledgerKey    `json:"keys"`
	Unsettled map[string]unsettledKey `json:"unsettled,omitempty"`
}

type ledgerKey struct {
	Index   uint64 `json:"index"`
	TTL     int64  `json:"ttl,omitempty"`
	Foreign bool   `json:"foreign,omitempty"`
}

// unsettledKey is a key of which it is not known whether it was created.
type unsettledKey struct {
	// AbsentAt is an etcd index at which it did not exist.
	AbsentAt uint64 `json:"absent_at"`
	// Sum is the SHA-256 of the value that was sent, and TTL the TTL.
	Sum string `json:"sum"`
	TTL int64  `json:"ttl,omitempty"`
}

func newUnsettledKey(absentAt uint64, sent wantedKey) unsettledKey {
	return unsettledKey{AbsentAt: absentAt, Sum: sumOf(sent.value), TTL: seconds(sent.ttl)}
}

func sumOf(value string) string {
	sum := sha256.Sum256([]byte(value))
	return hex.EncodeToString(sum[:])
}

// isOurs reports whether a node is what was sent, applied after all.
func (u unsettledKey) isOurs(n *etcdv2.Node) bool {
	return u.AbsentAt != 0 && n.CreatedIndex > u.AbsentAt && u.Sum == sumOf(n.Value) && n.HasTTL() == (u.TTL != 0)
}

// seconds returns a TTL as private state has it: 0 is none.
func seconds(ttl *int64) int64 {
	if ttl == nil {
		return 0
	}
	return *ttl
}

// privateReader and privateWriter are the two halves of private state, whose
// type the framework does not export.
type privateReader interface {
	GetKey(ctx context.Context, key string) ([]byte, diag.Diagnostics)
}

type privateWriter interface {
	SetKey(ctx context.Context, key string, value []byte) diag.Diagnostics
}

func readLedger(ctx context.Context, from privateReader, diags *diag.Diagnostics) prefixLedger {
	var ledger prefixLedger
	data, d := from.GetKey(ctx, prefixPrivate)
	diags.Append(d...)
	if len(data) == 0 {
		return ledger
	}
	if err := json.Unmarshal(data, &ledger); err != nil {
		diags.AddError("Unable to read private state", "The state of this object was damaged: "+err.Error())
	}
	return ledger
}

func writeLedger(ctx context.Context, to privateWriter, known map[string]knownKey, unsettled map[string]unsettledKey) diag.Diagnostics {
	ledger := prefixLedger{Keys: make(map[string]ledgerKey, len(known)), Unsettled: unsettled}
	for path, k := range known {
		ledger.Keys[path] = ledgerKey{Index: k.index, TTL: k.ttl, Foreign: k.foreign}
	}
	data, err := json.Marshal(ledger)
	if err != nil {
		return diag.Diagnostics{diag.NewErrorDiagnostic("Unable to write private state", err.Error())}
	}
	return to.SetKey(ctx, prefixPrivate, data)
}

// knownKeys joins what state and private state say.
func knownKeys(keys types.Map, ledger prefixLedger) map[string]knownKey {
	known := map[string]knownKey{}
	for path, value := range texted(keys) {
		l := ledger.Keys[path]
		known[path] = knownKey{value: value, index: l.Index, ttl: l.TTL, foreign: l.Foreign}
	}
	return known
}

// texted returns the elements of a map of strings, unknown ones as "".
func texted(m types.Map) map[string]string {
	out := make(map[string]string, len(m.Elements()))
	for name, element := range m.Elements() {
		if text, ok := element.(types.String); ok {
			out[name] = text.ValueString()
		}
	}
	return out
}

// keysValue is the attribute keys for what is known.
func keysValue(known map[string]knownKey) types.Map {
	elements := make(map[string]attr.Value, len(known))
	for path, k := range known {
		elements[path] = types.StringValue(k.value)
	}
	return types.MapValueMust(types.StringType, elements)
}

// commonTTL returns the TTL for state: the one that is expected, unless a key
// has another. That is then shown, and the plan puts it right. Keys that were
// only found count if there are no others, as after an import.
func commonTTL(expected types.Int64, known map[string]knownKey) types.Int64 {
	var own, found []string
	for path, k := range known {
		switch {
		case k.ttl == expected.ValueInt64():
		case k.foreign:
			found = append(found, path)
		default:
			own = append(own, path)
		}
	}
	deviating := own
	if allForeign(known) {
		deviating = found
	}
	if len(deviating) == 0 {
		return expected
	}
	if ttl := known[slices.Min(deviating)].ttl; ttl != 0 {
		return types.Int64Value(ttl)
	}
	return types.Int64Null()
}

func allForeign(known map[string]knownKey) bool {
	for _, k := range known {
		if !k.foreign {
			return false
		}
	}
	return true
}

// refreshedKey is what a read has found of a key. What counts of a TTL is
// whether there is one: see refreshedTTL.
func refreshedKey(before knownKey, node *etcdv2.Node) knownKey {
	ttl := types.Int64Null()
	if before.ttl != 0 {
		ttl = types.Int64Value(before.ttl)
	}
	return knownKey{
		value: node.Value, index: node.ModifiedIndex, foreign: before.foreign,
		ttl: refreshedTTL(ttl, node).ValueInt64(),
	}
}
