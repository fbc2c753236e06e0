# The id is the path of the key, without the key_prefix of the provider.
terraform import etcd_in_order_key.job /queue/00000000000000000042
