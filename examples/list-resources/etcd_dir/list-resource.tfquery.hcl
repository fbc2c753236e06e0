# The directories that do not come by themselves with the keys in them.
list "etcd_dir" "explicit" {
  provider = etcd
  limit    = 1000

  config {
    implicit = false
  }
}
