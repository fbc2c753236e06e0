// Program etcd is the etcd 3.5 server, the newest line that still serves the v2 API.
package main

import (
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() {
	etcdmain.Main(os.Args)
}
