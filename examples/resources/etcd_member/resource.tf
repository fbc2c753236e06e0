resource "etcd_member" "n4" {
  name      = "n4"
  peer_urls = ["http://10.0.0.4:2380"]
}

# What to start the process of the new member with. etcd before 3.3 does not
# know --enable-v2, and serves the v2 API without it.
output "n4_flags" {
  value = join(" ", [
    "--name=${etcd_member.n4.name}",
    "--initial-cluster=${etcd_member.n4.initial_cluster}",
    "--initial-cluster-state=existing",
    "--enable-v2",
  ])
}
