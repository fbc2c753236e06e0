terraform {
  required_providers {
    etcd = {
      source = "etcdv2/etcd"
    }
  }
}

provider "etcd" {} # reads ETCDCTL_ENDPOINTS

variable "greeting" {
  default = "hello"
}

resource "etcd_dir" "app" {
  path = "/app"
}

resource "etcd_key" "greeting" {
  key   = "${etcd_dir.app.path}/greeting"
  value = var.greeting
}

resource "etcd_key" "lease" {
  key   = "${etcd_dir.app.path}/lease"
  value = "held"
  ttl   = 3600
}
