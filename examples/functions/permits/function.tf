locals {
  kv_write = ["/app/*", "/shared/flags"]
}

output "may_write" {
  value = provider::etcd::permits(local.kv_write, "/app/db/host") # true
}

# A pattern that ends in "/*" does not cover the directory itself.
output "may_write_directory" {
  value = provider::etcd::permits(local.kv_write, "/app") # false
}
