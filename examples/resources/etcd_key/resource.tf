resource "etcd_key" "greeting" {
  key   = "/app/greeting"
  value = "hello"
}

# Compared as JSON: white space and the order of members do not matter.
resource "etcd_key" "limits" {
  key        = "/app/limits"
  value_json = jsonencode({ cpu = 2, memory = "1G" })
}

# Expires an hour after the last write. An apply renews it if less than ten minutes
# are left.
resource "etcd_key" "lease" {
  key             = "/app/lease"
  value           = "held"
  ttl             = 3600
  ttl_renew_below = 600
}

# A secret that is sent to the server and stored neither in the plan nor in the
# state. Change the version to write it again.
variable "token" {
  type      = string
  ephemeral = true
}

resource "etcd_key" "token" {
  key              = "/app/token"
  value_wo         = var.token
  value_wo_version = 1
}
