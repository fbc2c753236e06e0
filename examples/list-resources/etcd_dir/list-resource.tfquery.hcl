# Only empty directories and directories with a TTL: the server creates all others
# together with the keys in them.
list "etcd_dir" "explicit" {
  provider = etcd
  limit    = 1000

  config {
    implicit = false
  }
}
