# What a store contains, before anything is moved.
data "etcd_inventory" "all" {
  # No listing shows these, so they are looked at one by one.
  hidden_paths = ["/app/_lock"]
}

output "keys" {
  value = "${data.etcd_inventory.all.keys} keys in ${data.etcd_inventory.all.directories} directories"
}

# The top-level directories, the largest first.
output "largest" {
  value = reverse(sort([
    for path, count in data.etcd_inventory.all.by_directory : format("%8d keys in %s", count.keys, path)
  ]))
}

# The members that still serve the v2 API.
output "v2_members" {
  value = [for member in data.etcd_inventory.all.members : member.name if member.v2 == true]
}

# What has to be done before an upgrade to etcd 3.6.
output "to_do" {
  value = data.etcd_inventory.all.reasons
}
