data "etcd_role" "deploy" {
  name = "deploy"
}

output "deploy_writes" {
  value = data.etcd_role.deploy.kv_write
}
