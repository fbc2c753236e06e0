locals {
  app = jsondecode(file("${path.module}/app.json"))

  # A list has no keys, so it is stored as one JSON value.
  defaults = merge(local.app, { regions = jsonencode(local.app.regions) })

  overrides = {
    db = { host = "db.staging.example.com" }
  }
}

# /app/db/host, /app/db/port, /app/features/dark_mode, ... The paths of the
# second map replace those of the first, at any depth.
resource "etcd_key_prefix" "app" {
  prefix = "/app"
  keys = merge(
    provider::etcd::flatten(local.defaults),
    provider::etcd::flatten(local.overrides),
  )
}

# The same as one etcd_key for each path, where a key needs arguments of its own.
resource "etcd_key" "limits" {
  for_each = provider::etcd::flatten({ cpu = 2, memory = { soft = "1G", hard = "2G" } })

  key   = provider::etcd::key_join("/limits", each.key)
  value = each.value
}

# Back to an object: what others have written.
data "etcd_keys" "shared" {
  prefix = "/shared"
}

locals {
  shared = provider::etcd::unflatten(data.etcd_keys.shared.keys)
}

output "mail_server" {
  value = "${local.shared.mail.host}:${local.shared.mail.port}"
}
