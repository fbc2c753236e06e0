# The id is the name of the user, a slash and the name of the role.
terraform import etcd_user_role.alice_deploy alice/deploy
