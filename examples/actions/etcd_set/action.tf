# Signals the servers to read their configuration again whenever it changes.
action "etcd_set" "reload" {
  config {
    key   = "/signals/reload"
    value = "config"
    ttl   = 300
  }
}

resource "etcd_key" "config" {
  key   = "/app/config"
  value = "on"

  lifecycle {
    action_trigger {
      events  = [after_create, after_update]
      actions = [action.etcd_set.reload]
    }
  }
}
