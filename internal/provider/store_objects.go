package provider

// The kinds of objects that a run can be about besides keys and directories.
const (
	kindUser       objectKind = "user"
	kindRole       objectKind = "role"
	kindGrant      objectKind = "grant"
	kindPermission objectKind = "permission"
	kindAuth       objectKind = "authentication"
	kindMember     objectKind = "member"
	// All grants of a user, and all permissions of one kind of a role.
	kindRoles    objectKind = "the roles of user"
	kindPatterns objectKind = "the permissions of role"
)

// No name of a user or a role has a slash, so the joined names are unambiguous.
func userNamed(name string) storeObject     { return storeObject{kindUser, name} }
func roleNamed(name string) storeObject     { return storeObject{kindRole, name} }
func grantOf(user, role string) storeObject { return storeObject{kindGrant, grantPrefix(user) + role} }
func allRolesOf(user string) storeObject    { return storeObject{kindRoles, user} }
func allPatternsOf(role string, a access) storeObject {
	return storeObject{kindPatterns, role + " to " + string(a)}
}
func authSwitch() storeObject          { return storeObject{kindAuth, ""} }
func memberWith(id string) storeObject { return storeObject{kindMember, id} }
func permissionOf(role string, a access, pattern string) storeObject {
	return storeObject{kindPermission, permissionPrefix(role, a) + pattern}
}

// What the names of the grants of a user, and of the permissions of a role,
// begin with.
func grantPrefix(user string) string                { return user + "/" }
func permissionPrefix(role string, a access) string { return role + "/" + string(a) + ":" }
