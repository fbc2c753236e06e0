import {
  to = etcd_user_role.alice_deploy
  identity = {
    user = "alice"
    role = "deploy"
  }
}

resource "etcd_user_role" "alice_deploy" {
  user = "alice"
  role = "deploy"
}
