# Expires a day after the last write, unless a run of Terraform finds less than
# six hours left and renews it.
resource "etcd_key" "token" {
  key             = "/app/token"
  value           = "7f3a"
  ttl             = 86400
  ttl_renew_below = 21600
}

# Expires an hour after it was created, with everything that programs put into it.
resource "etcd_dir" "scratch" {
  path          = "/scratch"
  ttl           = 3600
  force_destroy = true
}

# All keys of this provider expire, unless they have a ttl of their own.
provider "etcd" {
  alias       = "leases"
  default_ttl = 600
}

resource "etcd_key" "lease" {
  provider = etcd.leases

  key   = "/leases/web-1"
  value = "taken"
}
