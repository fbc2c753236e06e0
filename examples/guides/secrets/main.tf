# Given by whoever runs the apply, as TF_VAR_db_password, and stored nowhere else.
variable "db_password" {
  type      = string
  sensitive = true
  ephemeral = true
}

resource "etcd_key" "db_password" {
  key              = "/app/db/password"
  value_wo         = var.db_password
  value_wo_version = 1 # count up to have a new password written
}

# Read for the time of one plan or apply.
ephemeral "etcd_key" "token" {
  key = "/shared/token"
}

# Where a secret is needed in a second place, it goes from one write-only
# place to the next.
resource "etcd_key" "token" {
  key              = "/app/token"
  value_wo         = ephemeral.etcd_key.token.value
  value_wo_version = 1
}
