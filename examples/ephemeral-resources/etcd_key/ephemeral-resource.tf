# A secret that neither plan nor state holds.
ephemeral "etcd_key" "db" {
  key = "/secrets/db"
}

# It can go to provider blocks and to write-only attributes.
resource "etcd_key" "copy" {
  key              = "/app/db/password"
  value_wo         = ephemeral.etcd_key.db.value
  value_wo_version = 1
}
