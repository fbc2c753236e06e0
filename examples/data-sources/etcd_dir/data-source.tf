data "etcd_dir" "web" {
  path = "/services/web"
}

# The servers that are registered, by the last segment of their keys.
output "servers" {
  value = [for child in data.etcd_dir.web.children : child.name if child.kind == "key"]
}
