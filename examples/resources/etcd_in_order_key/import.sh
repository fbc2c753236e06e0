# The id is the key, with the key_prefix of the provider left out.
terraform import etcd_in_order_key.job /queue/00000000000000000042
