# terraform query
# terraform query -generate-config-out=keys.tf
list "etcd_key" "app" {
  provider         = etcd
  include_resource = true
  limit            = 1000

  config {
    prefix = "/app"
  }
}
