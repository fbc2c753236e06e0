import {
  to = etcd_key_prefix.app
  id = "/app"
}
