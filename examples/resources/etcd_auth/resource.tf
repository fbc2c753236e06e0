# The server ignores the credentials until authentication is enabled.
provider "etcd" {
  username = "root"
  password = var.root_password
}

variable "root_password" {
  type      = string
  sensitive = true
  ephemeral = true
}

resource "etcd_user" "root" {
  name                = "root"
  password_wo         = var.root_password
  password_wo_version = 1
}

resource "etcd_role" "guest" {
  name     = "guest"
  kv_read  = ["/public", "/public/*"]
  kv_write = []
}

# Enabled after the users and roles exist, and disabled before they are deleted.
resource "etcd_auth" "store" {
  depends_on = [etcd_user.root, etcd_role.guest]
}
