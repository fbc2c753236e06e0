# The id is the key, with the key_prefix of the provider left out.
terraform import etcd_key.greeting /app/greeting
terraform import etcd_key.lease /app/lease
