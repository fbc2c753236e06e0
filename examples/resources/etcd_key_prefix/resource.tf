resource "etcd_key_prefix" "app" {
  prefix = "/app/config"

  keys = {
    "db/host" = "db.example.com"
    "db/port" = "5432"
    "debug"   = "false"
  }
}

# All other keys below this prefix are shown in the plan and deleted.
resource "etcd_key_prefix" "features" {
  prefix    = "/app/features"
  exclusive = true

  keys = {
    dark_mode = "on"
    search    = "off"
  }
}

# The keys expire an hour after they were last written or renewed.
resource "etcd_key_prefix" "leases" {
  prefix          = "/app/leases"
  ttl             = 3600
  ttl_renew_below = 1800

  keys = {
    backup = "held"
  }
}
