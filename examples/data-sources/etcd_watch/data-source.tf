# Wait until a job outside Terraform has come to an end, whatever it is.
data "etcd_watch" "migration" {
  key     = "/jobs/migration/status"
  matches = "^(done|failed): "
  timeout = "10m"
}

# Wait until the nodes have taken note of a new configuration.
resource "etcd_key" "config" {
  key   = "/app/desired"
  value = "v2"
}

data "etcd_watch" "taken" {
  key    = etcd_key.config.key
  exists = true
}

# Wait until a key has changed since an index that was seen before.
data "etcd_watch" "changed" {
  key           = "/app/config"
  changed_since = 1
}
