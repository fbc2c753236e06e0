provider "etcd" {
  endpoints = [
    "https://etcd-1.example.com:2379",
    "https://etcd-2.example.com:2379",
    "https://etcd-3.example.com:2379",
  ]

  tls = {
    ca_file   = "ca.pem"
    cert_file = "client.pem"
    key_file  = "client-key.pem"
  }
}

resource "etcd_key" "greeting" {
  key   = "/app/greeting"
  value = "hello"
}
