terraform {
  required_providers {
    etcd = {
      source = "etcdv2/etcd"
    }
  }
}

provider "etcd" {
  endpoints = ["http://127.0.0.1:2379"]
}

resource "etcd_key" "greeting" {
  key   = "/app/greeting"
  value = "hello"
}
