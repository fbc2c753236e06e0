data "etcd_version" "all" {}

# Whether a rolling upgrade is complete.
output "one_version" {
  value = length(distinct(data.etcd_version.all.endpoints[*].server)) == 1
}
