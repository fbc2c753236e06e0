# Copy the keys of an application to the v3 key space of the same cluster. To start
# it: terraform apply -invoke=action.etcd_copy_to_v3.app
action "etcd_copy_to_v3" "app" {
  config {
    prefix      = "/app"
    on_conflict = "skip_equal" # so that it can be repeated
    exclude     = ["/app/locks"]
  }
}
