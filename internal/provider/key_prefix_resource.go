package provider

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework-validators/mapvalidator"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
	"github.com/etcdv2/terraform-provider-etcd/internal/keyspace"
)

var (
	_ resource.ResourceWithConfigure      = (*keyPrefixResource)(nil)
	_ resource.ResourceWithIdentity       = (*keyPrefixResource)(nil)
	_ resource.ResourceWithImportState    = (*keyPrefixResource)(nil)
	_ resource.ResourceWithModifyPlan     = (*keyPrefixResource)(nil)
	_ resource.ResourceWithValidateConfig = (*keyPrefixResource)(nil)
)

func newKeyPrefixResource() resource.Resource { return &keyPrefixResource{} }

type keyPrefixResource struct{ placedBase }

type keyPrefixModel struct {
	Prefix        types.String `tfsdk:"prefix"`
	Keys          types.Map    `tfsdk:"keys"`
	Exclusive     types.Bool   `tfsdk:"exclusive"`
	TTL           types.Int64  `tfsdk:"ttl"`
	TTLRenewBelow types.Int64  `tfsdk:"ttl_renew_below"`
	AdoptExisting types.Bool   `tfsdk:"adopt_existing"`
	Expiration    types.String `tfsdk:"expiration"`
}

type keyPrefixIdentity struct {
	Prefix types.String `tfsdk:"prefix"`
}

func (r *keyPrefixResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_key_prefix"
}

func (r *keyPrefixResource) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	resp.IdentitySchema = pathIdentity("prefix", "Path of the directory that contains the keys, such as /app.")
}

func (r *keyPrefixResource) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Many keys below one directory, managed as one object. A refresh reads all of them with one request, and an " +
			"apply writes only those that differ.\n\n" +
			"Each key is written or deleted on the condition that it is still as the plan saw it. If somebody else has changed a key since " +
			"then, that key is left alone and reported by name; the other keys are written, and the state records exactly which. Missing " +
			"directories are created with their first key, and stay when their last key is deleted.\n\n" +
			"A key is hidden from listings if a segment of its path starts with an underscore. To manage such a key, list it in `keys`: the " +
			"provider then reads it by its own path. Otherwise neither `exclusive` nor an import sees it.",
		Attributes: map[string]schema.Attribute{
			"prefix": schema.StringAttribute{
				Required: true,
				MarkdownDescription: "Directory that contains the keys, such as `/app` or `/`. It does not have to exist. A change deletes the " +
					"keys in the old directory and creates them in the new one.",
				Validators:    []validator.String{isDir()},
				PlanModifiers: []planmodifier.String{stringplanmodifier.RequiresReplace()},
			},
			"keys": schema.MapAttribute{
				Required:    true,
				ElementType: types.StringType,
				MarkdownDescription: "Map from path to value. The paths are relative to `prefix`, without a leading slash, such as `db/host`. " +
					"Values may be empty. No path may be below another one. A key that is removed from the map is deleted.",
				Validators: []validator.Map{
					mapvalidator.KeysAre(isRelativePath()),
					mapvalidator.ValueStringsAre(isValue()),
					noKeyBelowAnother{},
				},
			},
			"exclusive": steeringAttribute("Whether `prefix` may contain no other keys. With `true`, keys that are found there but not listed " +
				"are shown in the plan and deleted. The first apply after it is set only records them, because no plan has shown them yet. With " +
				"`false`, they are left alone, and so are keys that an import or `exclusive` has recorded and that were never listed. Default: " +
				"`false`. A change writes no key."),
			"ttl": schema.Int64Attribute{
				Optional: true,
				Computed: true,
				MarkdownDescription: "Lifetime of each key in seconds, " + ttlRange + ", counted from its own last write by this resource. A " +
					"change is applied in place; if a value stays the same, watchers of that key get no event (" + refreshServers + "). The countdown " +
					"is not drift. A key that lost its TTL, gained one or expired is drift, and is written again. A warning in the plan names each " +
					"key that gains, loses or changes its TTL. If only some of the keys had a TTL at import, every TTL stays as it is until `ttl` or " +
					"the provider's `default_ttl` is set. Default: the provider's `default_ttl`; if that is not set, none.",
				Validators: []validator.Int64{isTTL()},
			},
			"ttl_renew_below": schema.Int64Attribute{
				Optional: true,
				MarkdownDescription: "Renew the TTL of each key for which the server reports fewer than this many seconds left; 1 to less than " +
					"`ttl`. The plan shows the renewal, and watchers get no event (" + refreshServers + "). A change of this attribute renews the TTL " +
					"of every key. Default: a TTL is never renewed, and the keys expire.",
				Validators: []validator.Int64{isTTL()},
			},
			"adopt_existing": steeringAttribute("Take over listed keys that already exist. With `false`, creating the object then fails before " +
				"anything is written. Default: `false`. A change writes no key. " + adoptsTTL),
			"expiration": schema.StringAttribute{
				Computed:            true,
				MarkdownDescription: "Time at which the first of the keys expires, in UTC as RFC 3339; null without a TTL.",
			},
		},
	}
}

// ValidateConfig refuses a renewal without end.
func (r *keyPrefixResource) ValidateConfig(ctx context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse) {
	var config keyPrefixModel
	resp.Diagnostics.Append(readModel(ctx, req.Config, &config)...)
	validateRenewal(config.TTLRenewBelow, config.TTL, &resp.Diagnostics)
}

func (r *keyPrefixResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var plan keyPrefixModel
	resp.Diagnostics.Append(readModel(ctx, req.Plan, &plan)...)
	if resp.Diagnostics.HasError() {
		return
	}
	w := r.writer(plan, map[string]keyspace.Known{}, &resp.Diagnostics)
	if w == nil {
		return
	}
	plan.TTL = settledTTL(plan.TTL, r.defaultTTL())
	if checkRenewal(plan.TTLRenewBelow, plan.TTL, &resp.Diagnostics); resp.Diagnostics.HasError() {
		return
	}
	w.about.advice = adviceOnKeys(existingKeysAdvice(w.Dir))
	w.apply(ctx, plan.intent(plan, ttlPointer(plan.TTL), false), plan.Exclusive.ValueBool(), &resp.Diagnostics)
	if resp.Diagnostics.HasError() && !w.HasWritten() {
		return
	}
	if resp.Diagnostics.HasError() {
		resp.Diagnostics.AddWarning("Keys were written before the failure",
			"Terraform will plan to delete and create all keys of this object again. Run `terraform untaint` on it first, and the next apply only "+
				"writes what is missing.")
	}
	plan.fromBatch(w)
	resp.Diagnostics.Append(writeModel(ctx, &resp.State, plan)...)
	writePrivateState(ctx, resp.Private, notesOf(w.Known, w.Unsettled), &resp.Diagnostics)
}

func (r *keyPrefixResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var state keyPrefixModel
	resp.Diagnostics.Append(readModel(ctx, req.State, &state)...)
	private := readPrivateState[prefixPrivateState](ctx, req.Private, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	store := r.store(&resp.Diagnostics)
	if store == nil {
		return
	}
	known := knownKeys(state.Keys, private)
	imported := state.Keys.IsNull()
	paths := append(slices.Collect(maps.Keys(known)), slices.Collect(maps.Keys(private.Unsettled))...)
	found, err := store.ReadTree(ctx, state.Prefix.ValueString(), paths)
	if err == nil && imported {
		err = found.Blocked
	}
	if err != nil {
		addFailure(&resp.Diagnostics, "Unable to read keys", state.Prefix.ValueString(), err)
		return
	}
	warnOfReplaced(found, state.Prefix.ValueString(), known, &resp.Diagnostics)
	if found.Absent && (imported || len(known) > 0) {
		resp.State.RemoveResource(ctx)
		return
	}
	all := imported || state.Exclusive.ValueBool()
	if all {
		nameable(found.Unnameable, &resp.Diagnostics)
	}
	known = found.Refresh(known, private.Unsettled, all, state.TTLRenewBelow.ValueInt64())
	warnNotText(&resp.Diagnostics, found.Nodes(known)...)
	after := notesOf(known, private.Unsettled)
	after.LeavesTTLs = private.LeavesTTLs
	if imported {
		with, without, _ := keyspace.CountTTLs(known)
		after.LeavesTTLs = with > 0 && without > 0
	}
	state.Keys, state.Expiration = keysValue(known), firstExpiration(known)
	if private.TTLSent != 0 {
		state.TTL = types.Int64Value(private.TTLSent)
	}
	if !after.LeavesTTLs {
		state.TTL = sharedTTL(state.TTL, known)
	}
	resp.Diagnostics.Append(writeModel(ctx, &resp.State, state)...)
	writePrivateState(ctx, resp.Private, after, &resp.Diagnostics)
}

// warnOfReplaced warns of keys that are directories now, and of a directory of
// keys that is a key.
func warnOfReplaced(t *keyspace.Tree, prefix string, known map[string]keyspace.Known, diags *diag.Diagnostics) {
	var replaced []string
	for _, relative := range slices.Sorted(maps.Keys(known)) {
		if t.Dirs[relative] {
			replaced = append(replaced, keyspace.Below(prefix, relative))
		}
	}
	if len(replaced) > 0 {
		diags.AddAttributeWarning(path.Root("keys"), "Key is a directory now", "Somebody replaced these keys by directories:\n\n"+
			enumerate(replaced)+
			"\n\nThe keys are gone, so the plan shows them as keys to be created, and nothing is done to the directories. To create the keys will "+
			"fail as long as the directories are there: take the keys out of keys, or remove the directories first.")
	}
	if t.Blocked != nil {
		diags.AddAttributeWarning(path.Root("prefix"), "Directory is a key now", fmt.Sprintf("There is a key at %s, or above it, so nothing "+
			"can be below it: the keys of this object are gone, and the plan shows them as keys to be created. The creation will fail until that "+
			"key "+
			"is removed: remove it first, or choose another prefix.\n\nError: %s", prefix, t.Blocked))
	}
}

func (r *keyPrefixResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var plan, state keyPrefixModel
	resp.Diagnostics.Append(readModel(ctx, req.Plan, &plan)...)
	resp.Diagnostics.Append(readModel(ctx, req.State, &state)...)
	private := readPrivateState[prefixPrivateState](ctx, req.Private, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	w := r.writer(plan, knownKeys(state.Keys, private), &resp.Diagnostics)
	if w == nil {
		return
	}
	if !w.restorePrivateState(ctx, &resp.Diagnostics) {
		return
	}
	plan.TTL = settledTTL(plan.TTL, r.defaultTTL())
	w.about.advice = adviceOnKeys(adoptKeysAdvice)
	ttl := (&lifetimePrivateState{TTLSent: private.TTLSent}).toSend(plan.TTL)
	w.apply(ctx, plan.intent(state, ttl, private.LeavesTTLs), plan.Exclusive.ValueBool() && !state.Exclusive.ValueBool(), &resp.Diagnostics)
	if resp.Diagnostics.HasError() && !w.HasWritten() {
		return
	}
	plan.fromBatch(w)
	resp.Diagnostics.Append(writeModel(ctx, &resp.State, plan)...)
	after := notesOf(w.Known, w.Unsettled)
	after.LeavesTTLs, after.TTLSent = private.LeavesTTLs && ttl == nil, private.TTLSent
	writePrivateState(ctx, resp.Private, after, &resp.Diagnostics)
}

func (r *keyPrefixResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	var state keyPrefixModel
	resp.Diagnostics.Append(readModel(ctx, req.State, &state)...)
	private := readPrivateState[prefixPrivateState](ctx, req.Private, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	w := r.writer(state, knownKeys(state.Keys, private), &resp.Diagnostics)
	if w == nil {
		return
	}
	if w.restorePrivateState(ctx, &resp.Diagnostics) {
		w.Run(ctx, keyspace.Removals(w.Dir, w.Known))
		w.report(&resp.Diagnostics)
	}
	if resp.Diagnostics.HasError() {
		state.fromBatch(w)
		resp.Diagnostics.Append(writeModel(ctx, &resp.State, state)...)
		writePrivateState(ctx, resp.Private, notesOf(w.Known, w.Unsettled), &resp.Diagnostics)
	}
}

func (r *keyPrefixResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	importPath(ctx, path.Root("prefix"), etcdv2.CheckDir, req, resp)
}

// writer starts the account of an apply, or says why there cannot be one.
func (r *keyPrefixResource) writer(m keyPrefixModel, known map[string]keyspace.Known, diags *diag.Diagnostics) *prefixWriter {
	store := r.store(diags)
	if store == nil {
		return nil
	}
	return &prefixWriter{
		Batch: keyspace.NewBatch(store, m.Prefix.ValueString(), known, m.AdoptExisting.ValueBool()), about: r.subject("etcd_key_prefix"),
	}
}

// fromBatch takes over what was written.
func (m *keyPrefixModel) fromBatch(w *prefixWriter) {
	m.Keys, m.Expiration = keysValue(w.Known), firstExpiration(w.Known)
}

// isRelativePath accepts the path of a key relative to a prefix.
func isRelativePath() validator.String {
	return textCheck{"Invalid path", "must be the path of a key relative to the prefix, such as db/host", checkRelativePath}
}

func checkRelativePath(s string) error {
	switch {
	case s == "":
		return fmt.Errorf("%w: it is empty", etcdv2.ErrInvalidKey)
	case strings.HasPrefix(s, "/"):
		return fmt.Errorf("%w: %q starts with a slash; write it relative to the prefix, as %q", etcdv2.ErrInvalidKey, s, strings.TrimLeft(s, "/"))
	default:
		return etcdv2.CheckKey("/" + s)
	}
}

// noKeyBelowAnother refuses keys below another key of the list, which would have to be a
// directory as well.
type noKeyBelowAnother struct{}

func (noKeyBelowAnother) Description(context.Context) string { return "no path may be below another" }

func (v noKeyBelowAnother) MarkdownDescription(ctx context.Context) string { return v.Description(ctx) }

func (noKeyBelowAnother) ValidateMap(_ context.Context, req validator.MapRequest, resp *validator.MapResponse) {
	elements := req.ConfigValue.Elements()
	for _, relative := range slices.Sorted(maps.Keys(elements)) {
		for above := range keyspace.Ancestors(relative) {
			if resp.Diagnostics.ErrorsCount() >= namedAtMost {
				return
			}
			if _, ok := elements[above]; ok {
				resp.Diagnostics.AddAttributeError(req.Path.AtMapKey(relative), "Key below a key",
					fmt.Sprintf("%q is below %q, and a key cannot contain another. Remove one of them, or choose another path.", relative, above))
			}
		}
	}
}
