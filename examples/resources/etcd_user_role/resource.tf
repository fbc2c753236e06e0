resource "etcd_role" "deploy" {
  name     = "deploy"
  kv_write = ["/releases/*"]
}

# The user is made elsewhere, and keeps the roles that others give it.
resource "etcd_user_role" "alice_deploy" {
  user = "alice"
  role = etcd_role.deploy.name
}
