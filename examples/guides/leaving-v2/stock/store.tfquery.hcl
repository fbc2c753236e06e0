list "etcd_key_prefix" "all" {
  provider = etcd
  limit    = 1000
}
