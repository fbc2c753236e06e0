# The id is the id of the member in hexadecimal, or its name.
terraform import etcd_member.n4 n4
