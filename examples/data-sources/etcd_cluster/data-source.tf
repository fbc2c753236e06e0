data "etcd_cluster" "this" {}

# The value for expected_cluster_id in the provider block.
output "cluster_id" {
  value = data.etcd_cluster.this.id
}
