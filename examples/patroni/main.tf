# The dynamic configuration of a Patroni cluster. Patroni writes the key when it
# bootstraps the cluster, and follows it from then on. Here Terraform takes the key
# over, so that changes are reviewed. A change by patronictl edit-config shows up
# as drift in the next plan.

variable "scope" {
  description = "The scope in the configuration of Patroni."
  type        = string
  default     = "main"
}

variable "namespace" {
  description = "The namespace in the configuration of Patroni."
  type        = string
  default     = "/service"
}

locals {
  cluster = provider::etcd::key_join(var.namespace, var.scope)
}

resource "etcd_key" "config" {
  key            = provider::etcd::key_join(local.cluster, "config")
  adopt_existing = true

  value_json = jsonencode({
    ttl                     = 30
    loop_wait               = 10
    retry_timeout           = 10
    maximum_lag_on_failover = 1048576
    synchronous_mode        = true

    postgresql = {
      use_pg_rewind = true
      use_slots     = true
      parameters = {
        max_connections            = 200
        max_wal_senders            = 10
        wal_keep_size              = "1GB"
        log_min_duration_statement = 500
      }
    }
  })
}

# Patroni elects the leader, which can change at any time. Right after a failure
# there is no leader, hence the default.
data "etcd_key" "leader" {
  key     = provider::etcd::key_join(local.cluster, "leader")
  default = ""
}

check "leader" {
  assert {
    condition     = data.etcd_key.leader.value != ""
    error_message = "The cluster ${var.scope} has no leader."
  }
}
