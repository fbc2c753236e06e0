module github.com/etcdv2/terraform-provider-etcd/tools/etcd22

go 1.26.0

require github.com/coreos/etcd v2.2.5+incompatible

require (
	github.com/gogo/protobuf v1.3.2 // indirect
	github.com/golang/protobuf v1.5.4 // indirect
	github.com/matttproud/golang_protobuf_extensions v1.0.4 // indirect
)
