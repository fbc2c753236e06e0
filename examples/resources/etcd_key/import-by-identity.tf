# An import by identity stores the value in "value". Moving it to value_json writes
# nothing.
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
