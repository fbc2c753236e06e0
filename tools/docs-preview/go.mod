module github.com/etcdv2/terraform-provider-etcd/tools/docs-preview

go 1.26.0

require github.com/yuin/goldmark v1.8.7
