# The server names the key, such as /queue/00000000000000000042.
resource "etcd_in_order_key" "job" {
  dir   = "/queue"
  value = "rebuild the index"
}

# Leaves the queue after a day, done or not.
resource "etcd_in_order_key" "daily" {
  dir   = "/queue/daily"
  value = "report"
  ttl   = 86400
}

output "job" {
  value = etcd_in_order_key.job.key
}
