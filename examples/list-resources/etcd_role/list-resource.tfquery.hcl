# terraform query
# terraform query -generate-config-out=roles.tf
list "etcd_role" "all" {
  provider         = etcd
  include_resource = true
  limit            = 1000
}
