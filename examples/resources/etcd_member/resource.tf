resource "etcd_member" "n4" {
  name      = "n4"
  peer_urls = ["http://10.0.0.4:2380"]
}

# The command that starts the process of the new member. etcd before 3.3 serves the
# v2 API without --enable-v2, and does not accept that flag.
output "n4_flags" {
  value = join(" ", [
    "--name=${etcd_member.n4.name}",
    "--initial-cluster=${etcd_member.n4.initial_cluster}",
    "--initial-cluster-state=existing",
    "--enable-v2",
  ])
}
