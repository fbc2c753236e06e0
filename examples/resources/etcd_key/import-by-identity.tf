# The value of a key that is imported by its identity goes to value. From there
# value_json takes it over without a write.
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
