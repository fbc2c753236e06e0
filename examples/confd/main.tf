# The keys from which confd renders configuration files: a tree of services with
# their upstreams, and the settings of an application. Programs register themselves
# in a separate directory.

variable "services" {
  description = "The services by name: the domain they answer to and their upstreams by name."
  type = map(object({
    domain    = string
    upstreams = map(string)
  }))
  default = {
    shop = {
      domain    = "shop.example.com"
      upstreams = { a = "10.0.1.11:8080", b = "10.0.1.12:8080" }
    }
    blog = {
      domain    = "blog.example.com"
      upstreams = { a = "10.0.2.11:8080" }
    }
  }
}

locals {
  settings = {
    database = { host = "db.example.com", port = 5432, pool = 20 }
    features = { search = true, checkout = "v2" }
  }
}

# One object for the whole tree: it is read with one request, and only keys that
# differ are written. A template uses {{range gets "/services/shop/upstreams/*"}}.
resource "etcd_key_prefix" "services" {
  prefix    = "/services"
  keys      = provider::etcd::flatten(var.services)
  exclusive = true
}

resource "etcd_key_prefix" "settings" {
  prefix = "/settings"
  keys   = provider::etcd::flatten(local.settings)
}

# confd watches this key with -watch on its prefix; when it changes, confd renders
# all files.
resource "etcd_key" "revision" {
  key   = "/confd/revision"
  value = sha256(jsonencode([etcd_key_prefix.services.keys, etcd_key_prefix.settings.keys]))
}

# The directory in which instances register. It exists even while it is empty, and
# is deleted with its content.
resource "etcd_dir" "registered" {
  path          = "/registered"
  force_destroy = true
}
