import {
  to = etcd_role_permission.app_dir
  identity = {
    role    = "developers"
    access  = "read"
    pattern = "/app"
  }
}

resource "etcd_role_permission" "app_dir" {
  role    = "developers"
  access  = "read"
  pattern = "/app"
}
