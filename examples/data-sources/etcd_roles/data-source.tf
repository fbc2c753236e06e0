data "etcd_roles" "all" {}

# The roles that may write a key.
output "writers" {
  value = [for role in data.etcd_roles.all.roles : role.name if provider::etcd::permits(role.kv_write, "/app/db/host")]
}
