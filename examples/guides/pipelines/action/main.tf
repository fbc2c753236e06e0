variable "release" {
  default = "v1"
}

variable "wait_timeout" {
  default = "5m"
}

resource "etcd_key" "desired" {
  key   = "/app/desired"
  value = var.release

  lifecycle {
    action_trigger {
      events  = [after_create, after_update]
      actions = [action.etcd_wait.applied]
    }
  }
}

action "etcd_wait" "applied" {
  config {
    key     = "/app/applied"
    equals  = var.release
    timeout = var.wait_timeout
  }
}
