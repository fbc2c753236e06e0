terraform {
  required_providers {
    etcd = {
      source = "etcdv2/etcd"
    }
  }
}

provider "etcd" {
  endpoints = ["http://127.0.0.1:2379"] # the host of provider "etcdv2"
}

data "etcd_key" "color" {
  key = "/app/color" # was data "etcdv2_keyvalue"
}
