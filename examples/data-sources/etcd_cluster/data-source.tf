data "etcd_cluster" "this" {}

# For expected_cluster_id in the provider's configuration.
output "cluster_id" {
  value = data.etcd_cluster.this.id
}
