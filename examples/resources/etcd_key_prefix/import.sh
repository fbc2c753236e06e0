# The id is the prefix, without the key_prefix of the provider. All keys below it are imported, except hidden ones.
terraform import etcd_key_prefix.app /app/config
