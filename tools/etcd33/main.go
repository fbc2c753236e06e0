// Program etcd33 is the etcd 3.3 server, the last line that serves the v2 API by default.
package main

import "github.com/coreos/etcd/etcdmain"

func main() {
	etcdmain.Main()
}
