resource "etcd_role" "app" {
  name     = "app"
  kv_read  = ["/app", "/app/*"]
  kv_write = ["/app/*"]
}

# What requests without credentials may do. Servers make this role with every right.
resource "etcd_role" "guest" {
  name     = "guest"
  kv_read  = ["/public", "/public/*"]
  kv_write = []
}
