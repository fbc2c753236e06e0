# The id is the name of the role.
terraform import etcd_role.app app
