// Program etcd36 is the etcd 3.6 server, the first line that no longer serves the v2 API and refuses its content.
package main

import (
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() {
	etcdmain.Main(os.Args)
}
