# The id is the path of the key, without the key_prefix of the provider.
terraform import etcd_key.greeting /app/greeting

# A key whose value is set by value_json in the configuration.
terraform import etcd_key.limits value_json:/app/limits
