variable "old_cluster_id" {
  description = "Id of the cluster to empty, as you have reviewed it."
  type        = string
}

action "etcd_empty" "all" {
  config {
    prefix              = "/"
    users_and_roles     = true
    expected_cluster_id = var.old_cluster_id
  }
}
