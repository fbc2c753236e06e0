terraform {
  required_providers {
    etcd = {
      source = "etcdv2/etcd"
    }
  }
}

provider "etcd" {
  endpoints = [
    "https://etcd-1.example.com:2379",
    "https://etcd-2.example.com:2379",
    "https://etcd-3.example.com:2379",
  ]
  username = "root" # the password comes from ETCDCTL_PASSWORD

  tls = {
    ca_file = "ca.pem"
  }
}
