# Allows one run at a time, no matter on which machine.
ephemeral "etcd_lock" "network" {
  key     = "/locks/network"
  ttl     = 30
  timeout = "10m"
  owner   = "the network pipeline"
}

# The run holds the lock until everything that depends on it is done.
resource "etcd_key" "route" {
  key   = "/network/routes/10.0.0.0-16"
  value = "10.1.0.1"

  depends_on = [ephemeral.etcd_lock.network]
}
