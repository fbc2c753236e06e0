# A secret that is stored neither in the plan nor in the state.
ephemeral "etcd_key" "db" {
  key = "/secrets/db"
}

# It can be passed to provider blocks and to write-only attributes.
resource "etcd_key" "copy" {
  key              = "/app/db/password"
  value_wo         = ephemeral.etcd_key.db.value
  value_wo_version = 1
}
