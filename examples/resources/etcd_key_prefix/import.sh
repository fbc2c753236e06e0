# The id is the prefix, with the key_prefix of the provider left out. All keys below it are imported, but for hidden ones.
terraform import etcd_key_prefix.app /app/config
