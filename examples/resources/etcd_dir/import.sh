# The id is the path, with the key_prefix of the provider left out.
terraform import etcd_dir.services /services
