data "etcd_members" "all" {}

# Members that were added but have never started.
output "pending" {
  value = [for m in data.etcd_members.all.members : m.peer_urls if !m.started]
}
