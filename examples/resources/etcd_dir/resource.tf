# Stays while it is empty. Only an empty one is deleted.
resource "etcd_dir" "services" {
  path = "/services"
}

# Is deleted with all that programs have put into it.
resource "etcd_dir" "spool" {
  path          = "/spool"
  force_destroy = true
}

# Expires after a day, with all that it holds. No etcd 3.5 can change the TTL of
# a directory.
resource "etcd_dir" "today" {
  path          = "/today"
  ttl           = 86400
  force_destroy = true
}
