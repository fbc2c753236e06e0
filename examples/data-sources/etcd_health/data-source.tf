data "etcd_health" "all" {}

check "etcd" {
  assert {
    condition     = data.etcd_health.all.healthy
    error_message = "Not healthy: ${join(", ", [for e in data.etcd_health.all.endpoints : e.endpoint if !e.healthy])}"
  }
}
