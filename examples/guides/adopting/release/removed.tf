removed {
  from = etcd_key.limit

  lifecycle {
    destroy = false
  }
}
