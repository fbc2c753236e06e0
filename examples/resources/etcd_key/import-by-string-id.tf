import {
  to = etcd_key.greeting
  id = "/app/greeting"
}

resource "etcd_key" "greeting" {
  key   = "/app/greeting"
  value = "hello"
}

# Stores the value in value_json.
import {
  to = etcd_key.limits
  id = "value_json:/app/limits"
}

resource "etcd_key" "limits" {
  key        = "/app/limits"
  value_json = jsonencode({ cpu = 2, memory = "1G" })
}

# Does not store the value. With version 0 it stays as it was found; with any other
# version, value_wo is written.
import {
  to = etcd_key.token
  id = "value_wo:/app/token"
}

variable "token" {
  type      = string
  ephemeral = true
}

resource "etcd_key" "token" {
  key              = "/app/token"
  value_wo         = var.token
  value_wo_version = 0
}
