# What the store contains, and what keeps etcd 3.6 from starting on it.
data "etcd_inventory" "all" {}

output "to_do" {
  value = data.etcd_inventory.all.reasons
}

output "by_directory" {
  value = { for path, count in data.etcd_inventory.all.by_directory : path => count.keys }
}

# The roles of v2 as commands for v3.
data "etcd_roles" "all" {}

output "roles_for_v3" {
  value = flatten([
    for role in data.etcd_roles.all.roles : concat(
      ["etcdctl role add ${role.name}"],
      [
        for p in provider::etcd::v3_permissions(role.kv_read, role.kv_write) :
        "etcdctl role grant-permission ${role.name} ${lower(p.permission)} '${p.key}' '${p.range_end}'"
      ],
    ) if role.name != "root" && role.name != "guest"
  ])
}
