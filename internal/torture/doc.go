// Package torture has the tests that put the client, the key space and the provider under
// faults, and check every answer that they give. `make torture` runs them for a chosen time;
// `make test` runs a short pass.
//
// # The run
//
// Three nodes are behind proxies that drop requests and answers, cut answers in the middle,
// delay, deliver twice, hang, and answer like a broken gateway. Which request meets which
// fault depends only on the seed, the call and the attempt. Meanwhile nodes are killed,
// stopped, cut off from their peers and restarted, disks are full, and members are added and
// removed.
//
// Several clients and stores, and a rival without conditions or retries, work on a few keys.
// A key is used for a few dozen calls and then replaced, so that each history stays short
// enough for an exact check.
//
// # What is checked
//
// Porcupine checks the history of each key against the model of a key of the v2 API
// (model_test.go): its value, its index and whether it expires. A call whose outcome is
// unknown may have been applied at any time after its beginning, or never. The tests also
// check that no index is used twice or out of order, that locks exclude each other, that keys
// in order are unique and ordered, that a watch yields every write once and in order, or
// reports a gap, and that a write whose answer was lost is either settled or reported as
// unknown.
//
// Directories are checked with their contents (tree_model_test.go): keys come and go in them
// while they are created, listed, emptied and deleted. A listing has to show the whole
// directory at one point in time, a directory that is not empty is only deleted by a call that
// is to delete everything in it, and a removal of what was listed deletes nothing else.
//
// A failure reports its seed, and saves the shortest part of the history that fails, as a
// picture.
package torture
