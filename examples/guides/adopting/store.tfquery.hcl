list "etcd_key" "app" {
  provider         = etcd
  include_resource = true
  limit            = 10000

  config {
    prefix = "/app"
  }
}
