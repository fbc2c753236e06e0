package provider

import (
	"fmt"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

// reasons are why etcd 3.6 would not start on the data of this store, would drop
// a part of it, or should not be the next release of its servers, or why that is
// not known. prefix is the provider's key_prefix.
//
// etcd 3.6 refuses a snapshot of the v2 store that shows a child of /1, where keys
// are, or one of /2/users or /2/roles. An empty directory is such a child; what is
// hidden is not. Whether authentication is enabled is not looked at, but it takes
// the user root.
func (m *inventoryDataModel) reasons(prefix string) []string {
	reasons := []string{}
	add := func(format string, args ...any) { reasons = append(reasons, fmt.Sprintf(format, args...)) }
	if prefix != "" {
		add("Only what is below the key_prefix %s was looked at: leave it out to look at the whole store.", prefix)
	}
	if m.Keys > 0 || m.Directories > 0 {
		add("The store contains keys (%d) and directories (%d, %d of them empty): etcd 3.6 refuses to start with any of them.",
			m.Keys, m.Directories, m.EmptyDirectories)
	}
	for _, hidden := range m.Hidden {
		if !hidden.Kind.IsNull() {
			add("There is something at the hidden path %s: etcd 3.6 would drop it without a word.", hidden.Path.ValueString())
		}
	}
	switch {
	case m.Users.IsNull():
		add("The users and roles are not known: a user with the role root can read them.")
	case m.Users.ValueInt64() > 0 || m.Roles.ValueInt64() > 0:
		add("The store contains users (%d) and roles (%d, without root): etcd 3.6 refuses to start with any of them.",
			m.Users.ValueInt64(), m.Roles.ValueInt64())
	}
	if m.AuthEnabled.ValueBool() {
		add("Authentication of the v2 API is enabled: disable it, and remove the users and roles.")
	}
	for _, member := range m.Members {
		version := etcdv2.VersionInfo{Server: member.Version.ValueString()}
		switch {
		case !member.Error.IsNull():
			add("The version of member %s (%s) is not known, because it did not answer.", member.ID.ValueString(), member.Name.ValueString())
		case !version.IsAtLeast("3.5.0"):
			add("Member %s (%s) runs etcd %s: upgrade it to 3.5 first, from which alone etcd supports an upgrade to 3.6.",
				member.ID.ValueString(), member.Name.ValueString(), version.Server)
		}
	}
	return reasons
}
