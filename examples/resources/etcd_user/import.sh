# The id is the name.
terraform import etcd_user.backup backup
