variable "etcd_ca" {
  description = "Certificates of the authority, in PEM."
  type        = string
}

variable "etcd_cert" {
  description = "Client certificate, in PEM."
  type        = string
}

variable "etcd_key" {
  description = "Private key of the client certificate, in PEM."
  type        = string
  sensitive   = true
}

# The endpoint is a tunnel, so its host is not the name in the server's certificate.
provider "etcd" {
  endpoints = ["https://127.0.0.1:2379"]

  tls = {
    ca_pem      = var.etcd_ca
    cert_pem    = var.etcd_cert
    key_pem     = var.etcd_key
    server_name = "etcd-1.example.com"
  }
}

resource "etcd_key" "greeting" {
  key   = "/app/greeting"
  value = "hello"
}
