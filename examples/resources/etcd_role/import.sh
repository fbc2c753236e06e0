# The id is the name.
terraform import etcd_role.app app
