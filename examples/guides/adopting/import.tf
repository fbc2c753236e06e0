import {
  to = etcd_key.color
  id = "/app/color"
}

resource "etcd_key" "color" {
  key   = "/app/color"
  value = "blue"
}

import {
  to = etcd_key.limits
  id = "value_json:/app/limits"
}

resource "etcd_key" "limits" {
  key        = "/app/limits"
  value_json = jsonencode({ cpu = 2, memory = "1G" })
}

import {
  to = etcd_dir.services
  id = "/services"
}

resource "etcd_dir" "services" {
  path          = "/services"
  force_destroy = true
}
