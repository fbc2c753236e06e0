package provider

import "github.com/etcdv2/terraform-provider-etcd/internal/keyspace"

// The kinds of objects that a run can be about besides keys and directories.
const (
	kindUser       keyspace.ObjectKind = "user"
	kindRole       keyspace.ObjectKind = "role"
	kindGrant      keyspace.ObjectKind = "grant"
	kindPermission keyspace.ObjectKind = "permission"
	kindAuth       keyspace.ObjectKind = "authentication"
	kindMember     keyspace.ObjectKind = "member"
	// All grants of a user, and all permissions of one kind of a role.
	kindRoles    keyspace.ObjectKind = "the roles of user"
	kindPatterns keyspace.ObjectKind = "the permissions of role"
)

// No name of a user or a role has a slash, so the joined names are unambiguous.
func userNamed(name string) keyspace.Object { return keyspace.Object{Kind: kindUser, Name: name} }
func roleNamed(name string) keyspace.Object { return keyspace.Object{Kind: kindRole, Name: name} }
func grantOf(user, role string) keyspace.Object {
	return keyspace.Object{Kind: kindGrant, Name: grantPrefix(user) + role}
}
func allRolesOf(user string) keyspace.Object { return keyspace.Object{Kind: kindRoles, Name: user} }
func allPatternsOf(role string, a access) keyspace.Object {
	return keyspace.Object{Kind: kindPatterns, Name: role + " to " + string(a)}
}
func authSwitch() keyspace.Object          { return keyspace.Object{Kind: kindAuth, Name: ""} }
func memberWith(id string) keyspace.Object { return keyspace.Object{Kind: kindMember, Name: id} }

// grantsWithin is the tree of all grants of a user, and permissionsWithin that of all
// permissions of a role: see keyspace.Intent.
func grantsWithin(user keyspace.Object) keyspace.Object {
	return keyspace.Object{Kind: kindGrant, Name: user.Name}
}

func permissionsWithin(role keyspace.Object) keyspace.Object {
	return keyspace.Object{Kind: kindPermission, Name: role.Name}
}

func permissionOf(role string, a access, pattern string) keyspace.Object {
	return keyspace.Object{Kind: kindPermission, Name: permissionPrefix(role, a) + pattern}
}

// What the names of the grants of a user, and of the permissions of a role,
// begin with.
func grantPrefix(user string) string                { return user + "/" }
func permissionPrefix(role string, a access) string { return role + "/" + string(a) + ":" }
