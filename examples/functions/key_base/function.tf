output "name" {
  value = provider::etcd::key_base("/app/db/host") # "host"
}
