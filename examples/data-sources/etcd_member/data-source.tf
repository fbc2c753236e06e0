data "etcd_member" "n1" {
  name = "n1"
}

output "n1" {
  value = data.etcd_member.n1.client_urls
}
