import {
  to = etcd_dir.services
  id = "/services"
}

resource "etcd_dir" "services" {
  path = "/services"
}
