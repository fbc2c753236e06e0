# terraform query
# terraform query -generate-config-out=users.tf
list "etcd_user" "all" {
  provider         = etcd
  include_resource = true
  limit            = 1000
}
