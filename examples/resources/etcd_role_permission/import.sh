# The id is the name of the role, a slash, the access, a colon and the pattern.
terraform import etcd_role_permission.app_dir developers/read:/app
terraform import 'etcd_role_permission.app["write"]' 'developers/write:/app/*'
