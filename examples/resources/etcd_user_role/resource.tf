resource "etcd_role" "deploy" {
  name     = "deploy"
  kv_write = ["/releases/*"]
}

# The user is created elsewhere and keeps the roles that it gets there.
resource "etcd_user_role" "alice_deploy" {
  user = "alice"
  role = etcd_role.deploy.name
}
