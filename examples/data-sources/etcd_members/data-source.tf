data "etcd_members" "all" {}

# What was added and never started.
output "pending" {
  value = [for m in data.etcd_members.all.members : m.peer_urls if !m.started]
}
