variable "passwords" {
  description = "Password of root, of the web service and of Alice, by name."
  type        = map(string)
  sensitive   = true
  ephemeral   = true
}

# Ignored by the server until authentication is enabled, and needed from then on.
provider "etcd" {
  username = "root"
  password = var.passwords["root"]
}

# No server enables authentication without the user root. It holds the role root by itself.
resource "etcd_user" "root" {
  name                = "root"
  password_wo         = var.passwords["root"]
  password_wo_version = 1
}

# What requests without credentials may do. Without this, a server makes the role with every right.
resource "etcd_role" "guest" {
  name     = "guest"
  kv_read  = ["/public", "/public/*"]
  kv_write = []
}

# "/web/*" is what is below /web; to list or watch /web itself takes "/web" too.
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

# A user has the rights of its roles and not those of guest, so web lists /public again.
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

# Turned on when everybody has their rights, and off again before anything of that is destroyed.
resource "etcd_auth" "store" {
  depends_on = [etcd_user.root, etcd_role.guest, etcd_user.web, etcd_user.alice]
}

# Keys need no order: the provider's credentials are good before the switch and after it.
resource "etcd_key" "banner" {
  key   = "/public/banner"
  value = "Maintenance on Sunday"
}
