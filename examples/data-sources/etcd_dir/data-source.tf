data "etcd_dir" "web" {
  path = "/services/web"
}

# The names of the registered servers, which are the last segments of their keys.
output "servers" {
  value = [for child in data.etcd_dir.web.children : child.name if child.kind == "key"]
}
