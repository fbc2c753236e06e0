# The role is made elsewhere, and keeps the permissions that others give it.
resource "etcd_role_permission" "app" {
  for_each = toset(["read", "write"])

  role    = "developers"
  access  = each.key
  pattern = "/app/*"
}

# "/app/*" covers what is below /app; to list /app itself takes this too.
resource "etcd_role_permission" "app_dir" {
  role    = "developers"
  access  = "read"
  pattern = "/app"
}
