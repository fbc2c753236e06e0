# A key below a directory that is given with or without slashes.
output "key" {
  value = provider::etcd::key_join("/app/", "db", "host") # "/app/db/host"
}
