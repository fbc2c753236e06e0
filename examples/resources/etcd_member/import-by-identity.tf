import {
  to = etcd_member.n4
  identity = {
    id = "8211f1d0f64f3269"
  }
}

resource "etcd_member" "n4" {
  name      = "n4"
  peer_urls = ["http://10.0.0.4:2380"]
}
