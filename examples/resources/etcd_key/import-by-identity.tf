import {
  to = etcd_key.greeting
  identity = {
    key = "/app/greeting"
  }
}

resource "etcd_key" "greeting" {
  key   = "/app/greeting"
  value = "hello"
}
