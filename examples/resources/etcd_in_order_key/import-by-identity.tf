import {
  to = etcd_in_order_key.job
  identity = {
    key = "/queue/00000000000000000042"
  }
}

resource "etcd_in_order_key" "job" {
  dir   = "/queue"
  value = "rebuild the index"
}
