# Exists even while it is empty, and is deleted only if it is empty.
resource "etcd_dir" "services" {
  path = "/services"
}

# Is deleted with everything that programs have written into it.
resource "etcd_dir" "spool" {
  path          = "/spool"
  force_destroy = true
}

# Expires after a day, with everything in it. etcd 3.5 cannot change the TTL of a
# directory.
resource "etcd_dir" "today" {
  path          = "/today"
  ttl           = 86400
  force_destroy = true
}
