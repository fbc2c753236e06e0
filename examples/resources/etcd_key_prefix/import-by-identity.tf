import {
  to = etcd_key_prefix.app
  identity = {
    prefix = "/app/config"
  }
}

resource "etcd_key_prefix" "app" {
  prefix = "/app/config"

  keys = {
    "db/host" = "db.example.com"
    "db/port" = "5432"
    "debug"   = "false"
  }
}
