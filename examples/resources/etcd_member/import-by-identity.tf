data "etcd_member" "n4" {
  name = "n4"
}

import {
  to = etcd_member.n4
  identity = {
    id = data.etcd_member.n4.id
  }
}

resource "etcd_member" "n4" {
  name      = "n4"
  peer_urls = ["http://10.0.0.4:2380"]
}
