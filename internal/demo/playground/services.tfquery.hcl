list "etcd_key" "services" {
  provider         = etcd
  include_resource = true
  limit            = 1000

  config {
    prefix = "/services"
  }
}
