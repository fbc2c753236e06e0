import {
  to = etcd_user.backup
  identity = {
    name = "backup"
  }
}

resource "etcd_user" "backup" {
  name = "backup"
}
