# Queues a job whenever the configuration changes.
action "etcd_push" "rebuild" {
  config {
    dir   = "/queue"
    value = "rebuild"
  }
}

resource "etcd_key" "config" {
  key   = "/app/config"
  value = "on"

  lifecycle {
    action_trigger {
      events  = [after_create, after_update]
      actions = [action.etcd_push.rebuild]
    }
  }
}
