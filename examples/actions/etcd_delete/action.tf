# Deletes cached data whenever the configuration that it was computed from changes.
action "etcd_delete" "cache" {
  config {
    key       = "/cache"
    recursive = true
  }
}

resource "etcd_key" "config" {
  key   = "/app/config"
  value = "on"

  lifecycle {
    action_trigger {
      events  = [after_create, after_update]
      actions = [action.etcd_delete.cache]
    }
  }
}
