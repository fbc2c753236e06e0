data "etcd_self_stats" "first" {}

output "role" {
  value = "${data.etcd_self_stats.first.name} is ${data.etcd_self_stats.first.state} since ${data.etcd_self_stats.first.start_time}"
}
