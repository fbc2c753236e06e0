// Program etcd22 is the etcd 2.2 server, which does not know refresh and lists roles only by name where newer ones describe them.
package main

import "github.com/coreos/etcd/etcdmain"

func main() {
	etcdmain.Main()
}
