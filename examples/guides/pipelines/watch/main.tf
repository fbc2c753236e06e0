variable "release" {
  default = "v1"
}

variable "wait_timeout" {
  default = "5m"
}

resource "etcd_key" "desired" {
  key   = "/app/desired"
  value = var.release
}

# The agent on the machines writes /app/applied when it has installed the
# release. The reference to the key makes the wait begin after its write.
data "etcd_watch" "applied" {
  key     = "/app/applied"
  equals  = etcd_key.desired.value
  timeout = var.wait_timeout
}

# Written after the wait, and only if it ended well.
resource "etcd_key" "announced" {
  key   = "/app/announced"
  value = data.etcd_watch.applied.value
}
