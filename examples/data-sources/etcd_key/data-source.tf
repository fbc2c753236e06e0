data "etcd_key" "config" {
  key = "/app/config"
}

# A key that may be missing.
data "etcd_key" "limit" {
  key     = "/app/limit"
  default = "100"
}

output "config" {
  value = data.etcd_key.config.value
}

output "limit" {
  value = tonumber(data.etcd_key.limit.value)
}
