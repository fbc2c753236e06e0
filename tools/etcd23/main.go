// Program etcd23 is the etcd 2.3 server, the last line that has only the v2 API.
package main

import "github.com/coreos/etcd/etcdmain"

func main() {
	etcdmain.Main()
}
