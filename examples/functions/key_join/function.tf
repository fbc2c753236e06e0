# Joins a key to a directory, no matter whether the directory ends with a slash.
output "key" {
  value = provider::etcd::key_join("/app/", "db", "host") # "/app/db/host"
}
