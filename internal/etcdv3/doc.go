// Package etcdv3 is the v3 side of leaving etcd v2: it copies keys into the v3 key space of a
// cluster, with etcd's own client, and compares the result with what is wanted. It does not
// know Terraform and words nothing for people.
//
// # What is written
//
// A key is written only if it does not exist: a transaction puts each of its keys on the
// condition that its version is 0. So nothing in v3 is overwritten, and a transaction that was
// sent twice applies once. An existing key is either equal, and then [Client.Plan] and
// [Client.Write] skip it if skipEqual is true, or a [Conflict].
//
// A lost answer is settled by sending the transaction again: if its keys then exist with the
// values and leases that were sent, the first transaction was applied. A run that was killed
// is repeated the same way. The leases that it granted and did not use expire by themselves.
//
// # Lifetimes
//
// A TTL becomes a lease, one for each distinct number of seconds. Both sides report whole
// seconds, and a server may lengthen a short lease. So lifetimes are equal if they end within
// a few seconds of each other.
package etcdv3
