variable "passwords" {
  description = "Password of root, of the web service and of Alice, by name."
  type        = map(string)
  sensitive   = true
  ephemeral   = true
}

# The server ignores these credentials until authentication is enabled.
provider "etcd" {
  username = "root"
  password = var.passwords["root"]
}

# No server enables authentication without the user root, which always has the role root.
resource "etcd_user" "root" {
  name                = "root"
  password_wo         = var.passwords["root"]
  password_wo_version = 1
}

# What requests without credentials may do. Without it, the server creates the role with full access.
resource "etcd_role" "guest" {
  name     = "guest"
  kv_read  = ["/public", "/public/*"]
  kv_write = []
}

# "/web/*" covers everything below /web. To list or watch /web itself, "/web" is needed too.
resource "etcd_role" "web" {
  name     = "web"
  kv_read  = ["/web", "/web/*", "/public", "/public/*"]
  kv_write = ["/web/state/*"]
}

resource "etcd_role" "operator" {
  name     = "operator"
  kv_read  = ["/*"]
  kv_write = ["/web/*", "/public/*"]
}

# A user does not have the permissions of guest, so the role web repeats /public.
resource "etcd_user" "web" {
  name                = "web"
  password_wo         = var.passwords["web"]
  password_wo_version = 1
  roles               = [etcd_role.web.name]
}

resource "etcd_user" "alice" {
  name                = "alice"
  password_wo         = var.passwords["alice"]
  password_wo_version = 1
  roles               = [etcd_role.operator.name]
}

# Enabled after everybody has their permissions, and disabled before any of them is destroyed.
resource "etcd_auth" "store" {
  depends_on = [etcd_user.root, etcd_role.guest, etcd_user.web, etcd_user.alice]
}

# Keys need no order: the provider's credentials work before and after authentication is enabled.
resource "etcd_key" "banner" {
  key   = "/public/banner"
  value = "Maintenance on Sunday"
}
