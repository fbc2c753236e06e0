# The server chooses the name, such as /queue/00000000000000000042.
resource "etcd_in_order_key" "job" {
  dir   = "/queue"
  value = "rebuild the index"
}

# Expires after a day, even if nobody has processed it.
resource "etcd_in_order_key" "daily" {
  dir   = "/queue/daily"
  value = "report"
  ttl   = 86400
}

output "job" {
  value = etcd_in_order_key.job.key
}
