# Delete everything in a store that was copied to v3. To start it:
# terraform apply -invoke=action.etcd_empty.all
action "etcd_empty" "all" {
  config {
    prefix              = "/"
    users_and_roles     = true
    expected_cluster_id = var.old_cluster_id
  }
}

# Set it to the id that you have reviewed, and not to what a data source returns:
# it is what keeps the action away from every other cluster.
variable "old_cluster_id" {
  description = "Id of the cluster to empty, in hexadecimal."
  type        = string
}
