# The keys from which confd renders configuration files: a tree of services with
# their upstreams, and the settings of an application. Programs that register
# themselves write beside it, in a directory of their own.

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

# One object for the whole tree: read with one request, and only what differs is
# written. A template says {{range gets "/services/shop/upstreams/*"}}.
resource "etcd_key_prefix" "services" {
  prefix    = "/services"
  keys      = provider::etcd::flatten(var.services)
  exclusive = true
}

resource "etcd_key_prefix" "settings" {
  prefix = "/settings"
  keys   = provider::etcd::flatten(local.settings)
}

# confd watches this key with -watch on its prefix; a change of it renders all.
resource "etcd_key" "revision" {
  key   = "/confd/revision"
  value = sha256(jsonencode([etcd_key_prefix.services.keys, etcd_key_prefix.settings.keys]))
}

# Where instances register: kept while it is empty, emptied when it goes.
resource "etcd_dir" "registered" {
  path          = "/registered"
  force_destroy = true
}
