moved {
  from = etcdv2_keyvalue.limit
  to   = etcd_key.limit
}

resource "etcd_key" "limit" {
  key   = "/app/limit"
  value = "10"
}

moved {
  from = etcdv2_role.reader
  to   = etcd_role.reader
}

resource "etcd_role" "reader" {
  name     = "reader"
  kv_read  = ["/app", "/app/*"] # the key_path of the permissions with read = true
  kv_write = []
}

moved {
  from = etcdv2_user.app
  to   = etcd_user.app
}

variable "app_password" {
  type      = string
  sensitive = true
}

resource "etcd_user" "app" {
  name     = "app"
  password = var.app_password
  roles    = [etcd_role.reader.name]
}
