data "etcd_auth" "store" {}

# Reported by every plan, and no reason for it to fail.
check "locked" {
  assert {
    condition     = data.etcd_auth.store.enabled
    error_message = "Authentication is disabled: anybody may write every key."
  }
}
