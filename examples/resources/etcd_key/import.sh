# The id is the key, with the key_prefix of the provider left out.
terraform import etcd_key.greeting /app/greeting

# A key whose configuration has value_json.
terraform import etcd_key.limits value_json:/app/limits
