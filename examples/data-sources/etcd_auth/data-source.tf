data "etcd_auth" "store" {}

# If authentication is disabled, every plan warns but does not fail.
check "locked" {
  assert {
    condition     = data.etcd_auth.store.enabled
    error_message = "Authentication is disabled: anybody may write every key."
  }
}
