package provider

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"
	"unicode/utf8"

	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/ephemeral"
	"github.com/hashicorp/terraform-plugin-framework/ephemeral/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-log/tflog"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

var (
	_ ephemeral.EphemeralResourceWithClose     = (*lockEphemeral)(nil)
	_ ephemeral.EphemeralResourceWithConfigure = (*lockEphemeral)(nil)
	_ ephemeral.EphemeralResourceWithRenew     = (*lockEphemeral)(nil)
)

const (
	defaultLockTTL     int64 = 60
	defaultLockTimeout       = 5 * time.Minute
	// lockCloseTimeout stays below the ten seconds after which OpenTofu gives
	// up on a Close.
	lockCloseTimeout = 8 * time.Second
	// lockPrivateKey is the key of the lock in the private data.
	lockPrivateKey = "lock"
)

func newLockEphemeral() ephemeral.EphemeralResource { return &lockEphemeral{} }

type lockEphemeral struct{ ephemeralBase }

type lockModel struct {
	Key          types.String `tfsdk:"key"`
	TTL          types.Int64  `tfsdk:"ttl"`
	Timeout      types.String `tfsdk:"timeout"`
	Owner        types.String `tfsdk:"owner"`
	Token        types.String `tfsdk:"token"`
	CreatedIndex types.Int64  `tfsdk:"created_index"`
}

func (e *lockEphemeral) Metadata(_ context.Context, req ephemeral.MetadataRequest, resp *ephemeral.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_lock"
}

func (e *lockEphemeral) Schema(_ context.Context, _ ephemeral.SchemaRequest, resp *ephemeral.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "A lock for the duration of a plan or an apply: a key with a TTL that only one run can create. Other runs wait " +
			"for it. The run renews the lock while it works. At the end it deletes the key, on the condition that the key is still its own.\n\n" +
			"Let everything that the lock protects depend on it, by `depends_on` or by a reference: Terraform releases the lock when nothing " +
			"that depends on it is left to do. The lock is also taken during the plan, and released between plan and apply.\n\n" +
			"The key stores who holds the lock and since when. A run that times out while it waits reports both in its error, and `etcdctl get` " +
			"of the key shows them at any time.\n\n" +
			"A lock is lost if somebody deletes or overwrites the key, or if no renewal succeeds before the TTL ends. A lost lock is an error " +
			"at the end of the run: everything that depended on it ran without protection. After a run is killed, the lock is free when the TTL " +
			"ends.",
		Attributes: map[string]schema.Attribute{
			"key": schema.StringAttribute{
				Required:            true,
				MarkdownDescription: "Path of the key that represents the lock, such as `/locks/network`. Use this key for nothing else.",
				Validators:          []validator.String{isPath()},
			},
			"ttl": schema.Int64Attribute{
				Optional: true,
				MarkdownDescription: fmt.Sprintf("TTL of the key in seconds, %d to %d. The key is renewed after a third of it. "+
					"A killed run blocks other runs for this long. Default: `%d`. The provider's `default_ttl` does not apply.",
					etcdv2.MinLockTTL, etcdv2.MaxTTL, defaultLockTTL),
				Validators: []validator.Int64{int64validator.Between(etcdv2.MinLockTTL, etcdv2.MaxTTL)},
			},
			"timeout": schema.StringAttribute{
				Optional: true,
				MarkdownDescription: "Time limit for waiting while another run holds the lock, as a duration such as `30s`. With `0s`, the run " +
					"does not wait: it fails at once if the lock is taken. Default: `" + shortDuration(defaultLockTimeout) + "`.",
				Validators: []validator.String{textCheck{"Invalid duration", "must be a duration, such as 0s, 500ms or 20s", checkLockTimeout}},
			},
			"owner": schema.StringAttribute{
				Optional: true,
				Computed: true,
				MarkdownDescription: fmt.Sprintf("Who holds the lock, such as the address of a CI job, for the people who wait for it. "+
					"It is stored in the key in plain text and has at most %d bytes. Default: the host and the process id of the run.",
					etcdv2.MaxLockOwner),
				Validators: []validator.String{
					textCheck{"Invalid owner", fmt.Sprintf("must be text of 1 to %d bytes", etcdv2.MaxLockOwner), etcdv2.CheckLockOwner},
				},
			},
			"token": schema.StringAttribute{
				Computed:            true,
				Sensitive:           true,
				MarkdownDescription: "Random text in the value of the key, by which the run recognizes the key as its own.",
			},
			"created_index": schema.Int64Attribute{
				Computed: true,
				MarkdownDescription: "Index at which the lock was taken. It increases with each holder: a system that remembers the largest index " +
					"it has seen can refuse the late writes of an earlier holder.",
			},
		},
	}
}

// Open takes the lock, and waits for it if necessary.
func (e *lockEphemeral) Open(ctx context.Context, req ephemeral.OpenRequest, resp *ephemeral.OpenResponse) {
	var model lockModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &model)...)
	if resp.Diagnostics.HasError() {
		return
	}
	client := e.client(&resp.Diagnostics)
	if client == nil {
		return
	}
	timeout, err := model.timeout()
	if err != nil {
		resp.Diagnostics.AddError("Invalid duration", sentence(err))
		return
	}
	lock, err := acquireLock(ctx, client, model.request(ctx), timeout)
	if err != nil {
		addLockFailure(&resp.Diagnostics, model.Key.ValueString(), timeout, err)
		return
	}
	e.connection.locks.keep(client.Keys, lock)
	model.Token, model.CreatedIndex, model.Owner = types.StringValue(lock.Token), indexValue(lock.CreatedIndex), types.StringValue(lock.Owner)
	resp.RenewAt = lock.Until.Add(-2 * third(lock))
	resp.Diagnostics.Append(keepLock(ctx, resp.Private, lock)...)
	resp.Diagnostics.Append(resp.Result.Set(ctx, model)...)
}

// Renew gives the lock its full TTL again. A failure that may pass is tried
// again and only warned of: whether the lock was lost, Close finds out.
func (e *lockEphemeral) Renew(ctx context.Context, req ephemeral.RenewRequest, resp *ephemeral.RenewResponse) {
	client, lock := e.takenLock(ctx, req.Private, &resp.Diagnostics)
	if lock == nil {
		return
	}
	tryFor, cancel := context.WithTimeout(ctx, third(lock)/2)
	defer cancel()
	err := client.Keys.Renew(tryFor, lock)
	switch {
	case err == nil:
		e.connection.locks.keep(client.Keys, lock)
		tflog.Debug(ctx, "Renewed lock", map[string]any{"key": lock.Key, "until": lock.Until.Format(time.RFC3339)})
		resp.RenewAt = lock.Until.Add(-2 * third(lock))
	case errors.Is(err, etcdv2.ErrLockLost):
		addLockLost(&resp.Diagnostics, lock.Key, err)
		return
	default:
		resp.RenewAt = time.Now().Add(third(lock) / 4)
		resp.Diagnostics.AddWarning("Unable to renew lock", fmt.Sprintf(
			"This run has the lock %s until %s at least, and its renewal will be tried again.\n\nError: "+
				"%s", lock.Key, lock.Until.Format(time.RFC3339), err))
	}
	resp.Diagnostics.Append(keepLock(ctx, resp.Private, lock)...)
}

// Close gives the lock back, and reports if it was lost.
func (e *lockEphemeral) Close(ctx context.Context, req ephemeral.CloseRequest, resp *ephemeral.CloseResponse) {
	client, lock := e.takenLock(ctx, req.Private, &resp.Diagnostics)
	if lock == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, lockCloseTimeout)
	defer cancel()
	err := client.Keys.Release(ctx, lock)
	switch {
	case err == nil:
		e.connection.locks.drop(lock)
		tflog.Debug(ctx, "Released lock", map[string]any{"key": lock.Key})
	case errors.Is(err, etcdv2.ErrLockLost):
		e.connection.locks.drop(lock)
		addLockLost(&resp.Diagnostics, lock.Key, err)
	default:
		object := fmt.Sprintf("%s may still exist. It expires at %s, and nobody else can take the lock before",
			lock.Key, lock.Until.Format(time.RFC3339))
		addFailure(&resp.Diagnostics, "Unable to release lock", object, err)
	}
}

// isZero reports whether text is a duration of zero: not to wait.
func isZero(text string) bool {
	d, err := time.ParseDuration(text)
	return err == nil && d == 0
}

func checkLockTimeout(text string) error {
	if isZero(text) {
		return nil
	}
	return checkDuration(text)
}

func (m *lockModel) timeout() (time.Duration, error) {
	if isZero(m.Timeout.ValueString()) {
		return 0, nil
	}
	return durationOr(m.Timeout, defaultLockTimeout)
}

// request says which lock the configuration wants.
func (m *lockModel) request(ctx context.Context) etcdv2.LockRequest {
	r := etcdv2.LockRequest{Key: m.Key.ValueString(), TTL: defaultLockTTL, Owner: defaultLockOwner()}
	if notNull(m.TTL) {
		r.TTL = m.TTL.ValueInt64()
	}
	if notNull(m.Owner) {
		r.Owner = m.Owner.ValueString()
	}
	r.Waiting = func(holder *etcdv2.Node) {
		owner, since := etcdv2.LockOwner(holder)
		tflog.Info(ctx, "Waiting for lock", map[string]any{
			"key": r.Key, "owner": owner, "held_since": since.Format(time.RFC3339), "held_since_index": holder.CreatedIndex, "ttl": holder.TTL,
		})
	}
	return r
}

// defaultLockOwner is the machine and the process in which the provider runs.
func defaultLockOwner() string {
	host, err := os.Hostname()
	if err != nil || host == "" || !utf8.ValidString(host) {
		host = "unknown host"
	}
	return fmt.Sprintf("%s (pid %d)", host, os.Getpid())
}

func acquireLock(ctx context.Context, client *etcdv2.Client, request etcdv2.LockRequest, timeout time.Duration) (*etcdv2.Lock, error) {
	if timeout == 0 {
		return client.Keys.TryAcquire(ctx, request)
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return client.Keys.Acquire(ctx, request)
}

// third is the part of its TTL after which a lock is renewed.
func third(lock *etcdv2.Lock) time.Duration { return time.Duration(lock.TTL) * time.Second / 3 }

func keepLock(ctx context.Context, private privateWriter, lock *etcdv2.Lock) diag.Diagnostics {
	data, err := json.Marshal(lock)
	if err != nil {
		return diag.Diagnostics{diag.NewErrorDiagnostic("Unable to keep lock", sentence(err))}
	}
	return private.SetKey(ctx, lockPrivateKey, data)
}

// takenLock returns the client and the lock that Open took, or nil and says why not.
func (e *lockEphemeral) takenLock(ctx context.Context, private privateReader, diags *diag.Diagnostics) (*etcdv2.Client, *etcdv2.Lock) {
	data, found := private.GetKey(ctx, lockPrivateKey)
	diags.Append(found...)
	client := e.client(diags)
	if diags.HasError() {
		return nil, nil
	}
	lock := new(etcdv2.Lock)
	if err := json.Unmarshal(data, lock); err != nil {
		diags.AddError("Unable to identify the lock", "The CLI did not return the private data that the provider gave it. The lock expires by "+
			"itself.\n"+
			"\nError: "+err.Error())
		return nil, nil
	}
	return client, lock
}

func addLockFailure(diags *diag.Diagnostics, key string, timeout time.Duration, err error) {
	held, isHeld := errors.AsType[*etcdv2.LockHeldError](err)
	switch {
	case isHeld:
		diags.AddError("Lock is held by another run", lockHeldDetail(key, timeout, held))
	case errors.Is(err, etcdv2.ErrNotFile):
		diags.AddError("Lock is a directory", "There is a directory at "+key+". Choose another key.")
	case errors.Is(err, context.DeadlineExceeded) && timeout > 0:
		diags.AddError("Unable to take lock", fmt.Sprintf(
			"The cluster did not answer within %s, the timeout of the lock %s, so it is not known whether another run has the lock. "+
				"Check the endpoints of the provider, or raise timeout.", shortDuration(timeout), key))
	default:
		addFailure(diags, "Unable to take lock", key, err)
	}
}

func lockHeldDetail(key string, timeout time.Duration, held *etcdv2.LockHeldError) string {
	holder := "The key does not name a holder, so it may not be a lock of this provider."
	if held.Owner != "" {
		holder = fmt.Sprintf("Its holder is %s, since %s.", held.Owner, held.Since.Format(time.RFC3339))
		// The clock of the holder can be another.
		if age := time.Since(held.Since).Round(time.Second); age > 0 {
			holder = fmt.Sprintf("Its holder is %s, since %s (%s ago).", held.Owner, held.Since.Format(time.RFC3339), shortDuration(age))
		}
	}
	wait := fmt.Sprintf("%s was not free within %s.", key, shortDuration(timeout))
	if timeout == 0 {
		wait = fmt.Sprintf("%s is not free, and timeout is 0s.", key)
	}
	advice := "The key has no TTL, so the lock is never released by itself: delete the key if nobody uses it."
	if held.Holder.HasTTL() {
		advice = fmt.Sprintf("Wait for the other run to end, or raise timeout. If that run was killed, the lock is free after its TTL, %d "+
			"seconds from now at the latest.", held.Holder.TTL)
	}
	return fmt.Sprintf("%s %s %s\n\nThe key was created at index %d.", wait, holder, advice, held.Holder.CreatedIndex)
}

func addLockLost(diags *diag.Diagnostics, key string, err error) {
	diags.AddError("Lock was lost", fmt.Sprintf(
		"This run no longer has the lock %s: the key was deleted or overwritten, or its TTL ran out before it was renewed. "+
			"Another run may have worked at the same time; check what this one changed.\n\nError: %s", key, err))
}
