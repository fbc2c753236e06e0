# The role is created elsewhere and keeps the permissions that it gets there.
resource "etcd_role_permission" "app" {
  for_each = toset(["read", "write"])

  role    = "developers"
  access  = each.key
  pattern = "/app/*"
}

# "/app/*" covers everything below /app. Listing /app itself needs this one too.
resource "etcd_role_permission" "app_dir" {
  role    = "developers"
  access  = "read"
  pattern = "/app"
}
