data "etcd_machines" "all" {}

output "etcd_peers" {
  value = join(",", data.etcd_machines.all.machines)
}
