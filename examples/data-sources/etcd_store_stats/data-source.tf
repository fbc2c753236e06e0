data "etcd_store_stats" "first" {}

check "watchers" {
  assert {
    condition     = data.etcd_store_stats.first.watchers < 10000
    error_message = "${data.etcd_store_stats.first.endpoint} has ${data.etcd_store_stats.first.watchers} watches."
  }
}
