// Package etcdtest starts real etcd servers for tests, and proxies that sit between a
// client and a server and inject faults.
//
// The server program is the one that ETCD_BIN names, or else bin/etcd at the root of the
// module, which `make bin/etcd` builds. etcd 2.3 and 3.3 to 3.5 work; [ServerVersion]
// returns the version, for expectations that differ.
//
// # Servers
//
//	s := etcdtest.Start(t)                       // one healthy node, ended with the test
//	s := etcdtest.Start(t, etcdtest.WithTLS())   // s.Certs has the files and the PEM
//	s := etcdtest.Start(t, etcdtest.WithAuth("root password"))
//	c := etcdtest.StartCluster(t, 3)             // c.Servers, c.URLs(), c.Leader(t), c.Followers(t)
//	s := etcdtest.Shared(t)                      // one node for all tests of the package
//	key := etcdtest.Prefix(t) + "/key"           // in a key space of the test's own
//
// [Server.Kill], [Server.Stop], [Server.Pause], [Server.Resume] and [Server.Restart] act
// on the process. [Server.Launch] starts it without waiting, for a node that cannot be
// healthy yet. [Server.FillDisk], on Linux, makes its writes to files fail. A package that
// uses [Shared] calls [Main] from its TestMain.
//
// [Server.Get], [Server.Put], [Server.Mkdir], [Server.Delete], [Server.JSON] and
// [Server.Do] read from the server, or change it, without the client under test. After
// [WithAuth] they send the credentials of root. They may be called from any goroutine.
//
// # Members
//
//	n2 := s.Reserve(t, "n2")                     // has URLs, is not started
//	s.JSON(t, "POST", "/v2/members", map[string]any{"peerURLs": []string{n2.PeerURL()}})
//	n2.Join(t, "n1="+s.PeerURL()+",n2="+n2.PeerURL())
//
// # Faults
//
//	p := etcdtest.NewProxy(t, s.URL())
//	p.Inject(etcdtest.Rule{Method: "PUT", Times: 1, Action: etcdtest.DropAnswer()})
//	...                                          // the client uses p.URL()
//	p.Requests()                                 // requests received; p.Forwarded(): sent to the server
//
// The actions are [CutBefore], [DropAnswer], [Duplicate], [TruncateAnswer], [Delay], [Hold],
// [HoldBefore], [Respond], [Redirect], [Intercept], [InterceptAnswer], and any function
// of a test. [Proxy.Refuse] and [Proxy.CutAll] act on all connections. With
// [WithPeerProxies], [Server.Isolate] cuts a node off from its peers. [ProxyTLS] puts the
// proxy in front of a server with TLS, and [NewTCPProxy] passes bytes through unread.
package etcdtest
