resource "etcd_key" "counter" {
  key   = "/app/counter"
  value = "0"

  lifecycle {
    ignore_changes = [value]
  }
}
