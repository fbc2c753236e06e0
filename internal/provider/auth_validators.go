package provider

import (
	"context"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

func validUserName() validator.String {
	return textCheck{"Invalid user name", "must not be empty and contain neither `/` nor `:`", etcdv2.CheckUserName}
}

func isRoleName() validator.String {
	return textCheck{"Invalid role name", "must not be empty and contain no `/`", etcdv2.CheckRoleName}
}

// isChangeableRole accepts every role but root.
func isChangeableRole() validator.String {
	return textCheck{"Invalid role name", "must not be empty, contain no `/` and not be `root`", checkChangeableRole}
}

func checkChangeableRole(name string) error {
	if name == etcdv2.RootRole {
		return fmt.Errorf("the role %q is built in and cannot be changed; give it to a user with etcd_user or etcd_user_role", name)
	}
	return etcdv2.CheckRoleName(name)
}

func isPassword() validator.String {
	return textCheck{"Invalid password", fmt.Sprintf("must have 1 to %d bytes", etcdv2.MaxPassword), etcdv2.CheckPassword}
}

func isPattern() validator.String { return patternCheck{} }

// patternCheck refuses a pattern that does harm. It warns of a pattern that covers nothing, or
// something else than it seems to.
type patternCheck struct{}

func (patternCheck) Description(context.Context) string {
	return "must be a key, or the beginning of keys followed by *"
}

func (v patternCheck) MarkdownDescription(ctx context.Context) string { return v.Description(ctx) }

func (patternCheck) ValidateString(_ context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	pattern := req.ConfigValue.ValueString()
	if err := etcdv2.CheckPattern(pattern); err != nil {
		resp.Diagnostics.AddAttributeError(req.Path, "Invalid pattern", sentence(err))
		return
	}
	begin := strings.TrimSuffix(pattern, "*")
	switch {
	case !strings.HasPrefix(pattern, "/") && begin != "":
		resp.Diagnostics.AddAttributeWarning(req.Path, "Pattern covers no key",
			fmt.Sprintf("Every key starts with a slash, and %q does not.", pattern))
	case coversNoKey(pattern):
		resp.Diagnostics.AddAttributeWarning(req.Path, "Pattern covers no key",
			fmt.Sprintf("No key has an empty segment or the segments . or .., or ends with a slash, as %q does. Write the directory itself "+
				"without the slash, and all below it with /* at the end.", pattern))
	case strings.Contains(begin, "*"):
		resp.Diagnostics.AddAttributeWarning(req.Path, "Pattern covers less than it seems to",
			fmt.Sprintf("In %q only a * at the very end matches anything; any other * is an ordinary character.", pattern))
	}
}

// coversNoKey reports whether a pattern can be neither a key nor the beginning of one.
func coversNoKey(pattern string) bool {
	begin, wild := strings.CutSuffix(pattern, "*")
	if wild {
		// The last segment can continue in a key.
		begin = begin[:strings.LastIndex(begin, "/")+1] + "x"
	}
	return pattern != "/" && strings.HasPrefix(begin, "/") && etcdv2.CheckKey(begin) != nil
}

// warnOfUnreadableDirs warns of a directory whose content may be read but not listed. Most clients
// list it to find the content.
func warnOfUnreadableDirs(read []string, diags *diag.Diagnostics) {
	for _, pattern := range read {
		dir, ok := strings.CutSuffix(pattern, "/*")
		if !ok || dir == "" || strings.HasSuffix(dir, "/") || etcdv2.Permits(read, dir) {
			continue
		}
		diags.AddAttributeWarning(path.Root("kv_read"), "Directory cannot be listed",
			fmt.Sprintf("%q covers what is below %q and not the directory itself: to list it, or to watch it, is refused. Add %q if that "+
				"is needed.", pattern, dir, dir))
	}
}

// knownNames returns the elements of a set that is wholly known, else nil.
func knownNames(set types.Set) []string {
	if set.IsNull() || set.IsUnknown() {
		return nil
	}
	names := []string{}
	for _, element := range set.Elements() {
		name, ok := knownString(element)
		if !ok {
			return nil
		}
		names = append(names, name)
	}
	return names
}

func knownString(v attr.Value) (text string, ok bool) {
	s, ok := v.(types.String)
	if !ok || s.IsNull() || s.IsUnknown() {
		return "", false
	}
	return s.ValueString(), true
}
