package provider

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

// The moves from the objects of the retryW/etcdv2 provider. They read its
// state and make no request; the refresh that follows reads the store.

// movedKey is etcdv2_keyvalue of that provider.
type movedKey struct {
	Key           string `json:"key"`
	Value         string `json:"value"`
	ModifiedIndex int64  `json:"modified_index"`
}

// movedUser is etcdv2_user of that provider.
type movedUser struct {
	Username string   `json:"username"`
	Password string   `json:"password"`
	Roles    []string `json:"roles"`
}

// movedRole is etcdv2_role of that provider.
type movedRole struct {
	Name        string `json:"name"`
	Permissions []struct {
		KeyPath string `json:"key_path"`
		Read    bool   `json:"read"`
		Write   bool   `json:"write"`
	} `json:"permissions"`
}

var _ resource.ResourceWithMoveState = (*keyResource)(nil)

// movedState is the state of an object of that provider.
type movedState interface {
	// check refuses an object that no server can have.
	check() error
}

// key returns the key as servers name it.
func (k movedKey) key() string { return "/" + strings.Trim(k.Key, "/") }

func (k movedKey) check() error { return etcdv2.CheckKey(k.key()) }

func (u movedUser) check() error { return etcdv2.CheckUserName(u.Username) }

func (r movedRole) check() error { return etcdv2.CheckRoleName(r.Name) }

// movedFrom is the end of that provider's address. The host before it differs
// between CLIs and mirrors.
const movedFrom = "/retryw/etcdv2"

// stateMover returns a mover from a type of that provider, whose state is
// given to move as S.
func stateMover[S movedState](sourceType string, move func(context.Context, S, *resource.MoveStateResponse)) resource.StateMover {
	return resource.StateMover{StateMover: func(ctx context.Context, req resource.MoveStateRequest, resp *resource.MoveStateResponse) {
		if req.SourceTypeName != sourceType || !strings.HasSuffix(strings.ToLower(req.SourceProviderAddress), movedFrom) {
			return
		}
		var source S
		err := decodeMoved(req, &source)
		if err == nil {
			err = source.check()
		}
		if err != nil {
			resp.Diagnostics.AddError("Unable to move state", "The state of the "+sourceType+" cannot be read. "+
				"Nothing was changed; import the object instead.\n\nError: "+err.Error())
			return
		}
		move(ctx, source, resp)
		setSteering(ctx, &resp.TargetState, &resp.Diagnostics)
	}}
}

func (r *keyResource) MoveState(context.Context) []resource.StateMover {
	return []resource.StateMover{stateMover("etcdv2_keyvalue", func(ctx context.Context, source movedKey, resp *resource.MoveStateResponse) {
		key := types.StringValue(source.key())
		resp.Diagnostics.Append(resp.TargetState.SetAttribute(ctx, path.Root("key"), key)...)
		resp.Diagnostics.Append(resp.TargetState.SetAttribute(ctx, path.Root("value"), source.Value)...)
		resp.Diagnostics.Append(resp.TargetState.SetAttribute(ctx, path.Root("modified_index"), source.ModifiedIndex)...)
	})}
}

func (r *userResource) MoveState(context.Context) []resource.StateMover {
	return []resource.StateMover{stateMover("etcdv2_user", func(ctx context.Context, source movedUser, resp *resource.MoveStateResponse) {
		target := userModel{}
		if source.Password != "" {
			target.Password = types.StringValue(source.Password)
		}
		target.refresh(ctx, &etcdv2.User{Name: source.Username, Roles: source.Roles}, &resp.Diagnostics)
		resp.Diagnostics.Append(resp.TargetState.Set(ctx, target)...)
	})}
}

func (r *roleResource) MoveState(context.Context) []resource.StateMover {
	return []resource.StateMover{stateMover("etcdv2_role", func(ctx context.Context, source movedRole, resp *resource.MoveStateResponse) {
		role := &etcdv2.Role{Name: source.Name}
		for _, p := range source.Permissions {
			if p.Read {
				role.Read = append(role.Read, p.KeyPath)
			}
			if p.Write {
				role.Write = append(role.Write, p.KeyPath)
			}
		}
		target := roleModel{}
		target.refresh(ctx, role, &resp.Diagnostics)
		resp.Diagnostics.Append(resp.TargetState.Set(ctx, target)...)
	})}
}

func decodeMoved(req resource.MoveStateRequest, source any) error {
	if req.SourceRawState == nil || len(req.SourceRawState.JSON) == 0 {
		return errors.New("it is empty")
	}
	// Only what is asked for is decoded: versions of that provider add to it.
	if json.Unmarshal(req.SourceRawState.JSON, source) != nil {
		return errors.New("it has another shape than expected") // The error of the decoder can quote what it met.
	}
	return nil
}
