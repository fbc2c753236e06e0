import {
  to = etcd_dir.services
  identity = {
    path = "/services"
  }
}

resource "etcd_dir" "services" {
  path = "/services"
}
