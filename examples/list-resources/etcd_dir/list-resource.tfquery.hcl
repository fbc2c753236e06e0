# The directories that do not come by themselves with the keys in them.
list "etcd_dir" "explicit" {
  provider = etcd

  config {
    implicit = false
  }
}
