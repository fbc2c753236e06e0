output "dir" {
  value = provider::etcd::key_parent("/app/db/host") # "/app/db"
}
