variable "workers" {
  type    = number
  default = 4
}

resource "etcd_key" "workers" {
  key   = "/app/workers"
  value = tostring(var.workers)
}
