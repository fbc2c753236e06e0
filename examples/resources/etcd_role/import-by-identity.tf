import {
  to = etcd_role.app
  identity = {
    name = "app"
  }
}

resource "etcd_role" "app" {
  name     = "app"
  kv_read  = ["/app", "/app/*"]
  kv_write = ["/app/*"]
}
