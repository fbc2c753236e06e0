# Continues only after a node has applied the new configuration.
action "etcd_wait" "taken" {
  config {
    key     = "/app/applied"
    equals  = "v2"
    timeout = "2m"
  }
}

resource "etcd_key" "desired" {
  key   = "/app/desired"
  value = "v2"

  lifecycle {
    action_trigger {
      events  = [after_create, after_update]
      actions = [action.etcd_wait.taken]
    }
  }
}
