# Keeps a registration from expiring while its node is under maintenance:
# terraform apply -invoke=action.etcd_refresh.node
action "etcd_refresh" "node" {
  config {
    key = "/services/web/10.0.0.1:80"
    ttl = 3600
  }
}

resource "etcd_key" "maintenance" {
  key   = "/maintenance/10.0.0.1"
  value = "on"

  lifecycle {
    action_trigger {
      events  = [after_create, after_update]
      actions = [action.etcd_refresh.node]
    }
  }
}
