# The id is always "auth".
terraform import etcd_auth.store auth
