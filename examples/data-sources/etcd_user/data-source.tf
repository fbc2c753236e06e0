data "etcd_user" "alice" {
  name = "alice"
}

output "alice_may_deploy" {
  value = contains(data.etcd_user.alice.roles, "deploy")
}
