locals {
  config = {
    db      = { host = "db.example.com", port = 5432 }
    feature = { search = true }
  }
}

# { "db/host" = "db.example.com", "db/port" = "5432", "feature/search" = "true" }
output "flat" {
  value = provider::etcd::flatten(local.config)
}

# The same with full keys.
output "keys" {
  value = { for path, value in provider::etcd::flatten(local.config) : provider::etcd::key_join("/app", path) => value }
}
