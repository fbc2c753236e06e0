resource "etcd_key" "greeting" {
  key   = "/app/greeting"
  value = "hello"
}

# Expires an hour after it was last written.
resource "etcd_key" "lease" {
  key   = "/app/lease"
  value = "held"
  ttl   = 3600
}
