// Program etcd22 is the etcd 2.2 server, which knows no refresh of a key and names roles where newer ones describe them.
package main

import "github.com/coreos/etcd/etcdmain"

func main() {
	etcdmain.Main()
}
