# The id is the name of the user.
terraform import etcd_user.backup backup
