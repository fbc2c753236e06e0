resource "etcd_key" "limit" {
  key            = "/app/limit"
  value          = "20"
  adopt_existing = true
}
