import {
  to = etcd_auth.store
  identity = {
    id = "auth"
  }
}

resource "etcd_auth" "store" {}
