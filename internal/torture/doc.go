// Package torture has the tests that put the client, the key space and the provider
// under faults, and check every answer that they gave. `make torture` runs them for
// as long as it is told; `make test` runs a short pass.
//
// # The run
//
// Three nodes stand behind proxies, which drop requests and answers, cut answers in
// the middle, delay, deliver twice, hang, and answer as a broken gateway does. Which
// request meets which fault depends on the seed, the call and the attempt, and on
// nothing else. Meanwhile nodes are killed, stopped, cut off from their peers and
// restarted, and members come and go.
//
// Several clients, stores and a rival without conditions or retries work on a few
// keys. A key is used for a few dozen calls and then replaced, so that each history
// stays short enough to be checked exactly.
//
// # What is checked
//
// The history of each key is checked by porcupine against the model of a key of the
// v2 API (model_test.go): its value, its index and whether it expires. A call whose
// outcome is unknown may have been applied at any time from its beginning on, or
// never. Besides that, no index is given out twice or out of order, locks exclude
// each other, keys in order are unique and ordered, and a write whose answer was lost
// is either settled or reported as unknown.
//
// A failure names its seed, and leaves the shortest part of the history that fails,
// as a picture.
package torture
