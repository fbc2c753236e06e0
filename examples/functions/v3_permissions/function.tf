locals {
  kv_read  = ["/app/*", "/shared/flags"]
  kv_write = ["/app/*"]
}

output "permissions" {
  value = provider::etcd::v3_permissions(local.kv_read, local.kv_write)
  # [
  #   { key = "/app/", range_end = "/app0", permission = "READWRITE" },
  #   { key = "/shared/flags", range_end = "", permission = "READ" },
  # ]
}

# The same role as commands for etcdctl.
output "commands" {
  value = [
    for p in provider::etcd::v3_permissions(local.kv_read, local.kv_write) :
    "etcdctl role grant-permission app ${lower(p.permission)} '${p.key}' '${p.range_end}'"
  ]
}
