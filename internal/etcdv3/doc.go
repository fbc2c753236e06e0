// Package etcdv3 is the v3 side of leaving etcd v2: it puts keys into the v3 key
// space of a cluster, by etcd's own client, and compares what is there with what is
// wanted. It knows neither Terraform nor any words for people.
//
// # What is written
//
// A key is written only if it does not exist: each put of a transaction is guarded by
// the version 0 of its key, so that nothing in v3 is overwritten, and a transaction
// that was sent twice applies once. A key that exists is equal, which [Client.Plan]
// and [Client.Write] pass over if they are told to, or a [Conflict].
//
// A lost answer is settled by sending the transaction again: if its keys exist by
// then with the values and leases that were sent, the first one was applied. A run
// that was killed is repeated the same way. The leases that it granted and did not
// use expire by themselves.
//
// # Lifetimes
//
// A TTL becomes a lease, one for each distinct number of seconds. Both sides report
// whole seconds, and a server may lengthen a short lease, so lifetimes are equal if
// the moments at which they can end are no further apart than a few seconds.
package etcdv3
