# { db = { host = "db.example.com", port = "5432" } }
output "config" {
  value = provider::etcd::unflatten({
    "db/host" = "db.example.com"
    "db/port" = "5432"
  })
}
