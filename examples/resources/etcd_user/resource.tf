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

# The password is not stored in the state. Increase the version to set it again.
resource "etcd_user" "alice" {
  name                = "alice"
  password_wo         = var.alice_password
  password_wo_version = 1
  roles               = [etcd_role.app.name]
}

# A user that already exists. Without a password here, the user keeps its own.
import {
  to = etcd_user.backup
  id = "backup"
}

resource "etcd_user" "backup" {
  name  = "backup"
  roles = [etcd_role.app.name]
}
