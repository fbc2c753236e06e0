data "etcd_leader" "now" {}

output "leader" {
  value = data.etcd_leader.now.name
}
