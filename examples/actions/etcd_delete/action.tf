# Drop what was derived from a configuration, whenever that has changed.
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
