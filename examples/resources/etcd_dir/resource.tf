# Stays while it is empty. Only an empty one is deleted.
resource "etcd_dir" "services" {
  path = "/services"
}

# Is deleted with all that programs have put into it.
resource "etcd_dir" "sessions" {
  path          = "/sessions"
  force_destroy = true
}
