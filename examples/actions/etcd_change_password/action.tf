# Sets the password of a user to the value of a key, and deletes the key.
action "etcd_change_password" "alice" {
  config {
    name         = "alice"
    password_key = "/handover/alice"
  }
}

# A new value of the trigger changes the password again.
resource "terraform_data" "rotation" {
  input = "2026-11"

  lifecycle {
    action_trigger {
      events  = [after_create, after_update]
      actions = [action.etcd_change_password.alice]
    }
  }
}
