# The network of flannel. flanneld reads its configuration from etcd when it starts,
# and leases a subnet for each host in the same store.

variable "prefix" {
  description = "What flanneld is started with as --etcd-prefix."
  type        = string
  default     = "/coreos.com/network"
}

# Changing the network does not renumber hosts that have a lease: drain them, and
# let the lease expire or delete it.
resource "etcd_key" "config" {
  key = "${var.prefix}/config"

  value_json = jsonencode({
    Network   = "10.244.0.0/16"
    SubnetLen = 24
    SubnetMin = "10.244.10.0"
    SubnetMax = "10.244.250.0"
    Backend = {
      Type = "vxlan"
      VNI  = 1
      Port = 8472
    }
  })
}

# A subnet that always belongs to one host, because it never expires.
resource "etcd_key" "gateway" {
  key = "${var.prefix}/subnets/10.244.10.0-24"

  value_json = jsonencode({
    PublicIP    = "192.0.2.10"
    BackendType = "vxlan"
    BackendData = { VNI = 1, VtepMAC = "02:42:c0:00:02:0a" }
  })
}

data "etcd_dir" "subnets" {
  path       = "${var.prefix}/subnets"
  depends_on = [etcd_key.gateway]
}

output "leases" {
  description = "The subnets in use, for a monitoring that knows how many there may be."
  value       = [for child in data.etcd_dir.subnets.children : replace(child.name, "-", "/")]
}
