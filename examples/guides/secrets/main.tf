# Set as TF_VAR_db_password by whoever runs the apply, and stored nowhere else.
variable "db_password" {
  type      = string
  sensitive = true
  ephemeral = true
}

resource "etcd_key" "db_password" {
  key              = "/app/db/password"
  value_wo         = var.db_password
  value_wo_version = 1 # increase it to write a new password
}

# Read again by every plan and apply. The key must exist.
ephemeral "etcd_key" "token" {
  key = "/shared/token"
}

# A copy of the secret, which goes straight from the ephemeral resource to a
# write-only attribute.
resource "etcd_key" "token" {
  key              = "/app/token"
  value_wo         = ephemeral.etcd_key.token.value
  value_wo_version = 1
}
