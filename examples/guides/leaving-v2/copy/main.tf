action "etcd_copy_to_v3" "app" {
  config {
    prefix      = "/app"
    on_conflict = "skip_equal" # so that it can be repeated
    exclude     = ["/app/locks"]
  }
}
