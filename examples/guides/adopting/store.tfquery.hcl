list "etcd_key" "app" {
  provider         = etcd
  include_resource = true

  config {
    prefix = "/app"
  }
}
