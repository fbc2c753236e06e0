data "etcd_users" "all" {}

# The users who may change users and roles, and enable or disable authentication.
output "admins" {
  value = [for user in data.etcd_users.all.users : user.name if contains(user.roles, "root")]
}
