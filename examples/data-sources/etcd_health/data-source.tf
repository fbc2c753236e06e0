data "etcd_health" "all" {}

check "etcd" {
  assert {
    condition     = data.etcd_health.all.healthy
    error_message = "Not healthy: ${join(", ", [for e in data.etcd_health.all.endpoints : e.endpoint if !e.healthy])}"
  }

  assert {
    condition     = alltrue(data.etcd_health.all.endpoints[*].v2)
    error_message = "Without the v2 API: ${join(", ", [for e in data.etcd_health.all.endpoints : e.endpoint if !e.v2])}"
  }
}
