variable "job" {
  description = "The address of the CI job, for the people who wait for it."
  default     = "a run by hand"
}

variable "lock_timeout" {
  default = "10m"
}

ephemeral "etcd_lock" "release" {
  key     = "/locks/release"
  timeout = var.lock_timeout # how long to wait for another run
  ttl     = 60               # how long a killed run blocks the next one
  owner   = var.job
}

resource "etcd_key" "desired" {
  key   = "/app/desired"
  value = "v1"

  # Not without the lock.
  depends_on = [ephemeral.etcd_lock.release]
}
