resource "etcd_role" "app" {
  name     = "app"
  kv_read  = ["/app", "/app/*"]
  kv_write = ["/app/*"]
}

# The permissions of requests without credentials. Servers create this role with
# full access.
resource "etcd_role" "guest" {
  name     = "guest"
  kv_read  = ["/public", "/public/*"]
  kv_write = []
}
