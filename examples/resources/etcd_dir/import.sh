# The id is the path, without the key_prefix of the provider.
terraform import etcd_dir.services /services
