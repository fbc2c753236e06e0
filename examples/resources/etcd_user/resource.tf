variable "alice_password" {
  type      = string
  sensitive = true
  ephemeral = true
}

resource "etcd_role" "app" {
  name     = "app"
  kv_read  = ["/app", "/app/*"]
  kv_write = ["/app/*"]
}

# Her password is in no state; counting the version up sets it again.
resource "etcd_user" "alice" {
  name                = "alice"
  password_wo         = var.alice_password
  password_wo_version = 1
  roles               = [etcd_role.app.name]
}

# A user that exists already. Without a password here, the one it has stays.
import {
  to = etcd_user.backup
  id = "backup"
}

resource "etcd_user" "backup" {
  name  = "backup"
  roles = [etcd_role.app.name]
}
