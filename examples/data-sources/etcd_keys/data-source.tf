# Everything below /app: { "db/host" = "...", "db/port" = "..." }.
data "etcd_keys" "app" {
  prefix = "/app"
}

output "db_host" {
  value = data.etcd_keys.app.keys["db/host"]
}

# The keys of a queue, oldest first.
data "etcd_keys" "queue" {
  prefix = "/queue"
  sorted = false
}

output "next_job" {
  value = data.etcd_keys.queue.paths[0]
}

# A directory that may be missing.
data "etcd_keys" "overrides" {
  prefix  = "/app/overrides"
  default = {}
}

# The keys that expire within an hour.
output "expiring" {
  value = [
    for path, key in data.etcd_keys.app.details : path
    if key.ttl == null ? false : key.ttl < 3600
  ]
}
