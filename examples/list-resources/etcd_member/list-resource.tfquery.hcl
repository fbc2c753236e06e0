# terraform query
# terraform query -generate-config-out=members.tf
list "etcd_member" "all" {
  provider         = etcd
  include_resource = true
}
