# Waits until a job outside Terraform has ended, with any result.
data "etcd_watch" "migration" {
  key     = "/jobs/migration/status"
  matches = "^(done|failed): "
  timeout = "10m"
}

# Waits until the nodes have read the new configuration.
resource "etcd_key" "config" {
  key   = "/app/desired"
  value = "v2"
}

data "etcd_watch" "taken" {
  key    = etcd_key.config.key
  exists = true
}

# Waits until a key has changed since a known index.
data "etcd_watch" "changed" {
  key           = "/app/config"
  changed_since = 1
}
