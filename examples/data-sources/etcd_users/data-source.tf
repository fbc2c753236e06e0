data "etcd_users" "all" {}

# Everybody who may change users, roles and the switch of authentication.
output "admins" {
  value = [for user in data.etcd_users.all.users : user.name if contains(user.roles, "root")]
}
