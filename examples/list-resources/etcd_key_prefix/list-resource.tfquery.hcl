# One resource for each top-level directory, with all keys below it:
#
#   terraform query -generate-config-out=generated.tf
list "etcd_key_prefix" "all" {
  provider         = etcd
  include_resource = true
  limit            = 1000
}

# The teams of a store have a directory each below /teams/<region>.
list "etcd_key_prefix" "teams" {
  provider         = etcd
  include_resource = true

  config {
    prefix = "/teams"
    depth  = 2
  }
}

# All of /app as a single object.
list "etcd_key_prefix" "app" {
  provider         = etcd
  include_resource = true

  config {
    prefix = "/app"
    depth  = 0
  }
}
