resource "etcd_key" "greeting" {
  key   = "/app/greeting"
  value = "hello"
}

# Compared as JSON: white space and the order of members are no change.
resource "etcd_key" "limits" {
  key        = "/app/limits"
  value_json = jsonencode({ cpu = 2, memory = "1G" })
}

# Expires an hour after it was last written. An apply that finds less than ten
# minutes left renews it.
resource "etcd_key" "lease" {
  key             = "/app/lease"
  value           = "held"
  ttl             = 3600
  ttl_renew_below = 600
}

# A secret that goes to the server, and neither to the plan nor to the state.
# Another version has it written again.
variable "token" {
  type      = string
  ephemeral = true
}

resource "etcd_key" "token" {
  key              = "/app/token"
  value_wo         = var.token
  value_wo_version = 1
}
