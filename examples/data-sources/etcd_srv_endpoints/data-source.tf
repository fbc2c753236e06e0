data "etcd_srv_endpoints" "this" {
  domain = "example.com"
}

output "endpoints" {
  value = data.etcd_srv_endpoints.this.endpoints
}
