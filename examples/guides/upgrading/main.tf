terraform {
  required_providers {
    etcd = {
      source  = "etcdv2/etcd"
      version = "~> 0.1"
    }
  }
}

provider "etcd" {}

resource "etcd_key" "greeting" {
  key   = "/app/greeting"
  value = "hello"
}
