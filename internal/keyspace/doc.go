// Package keyspace decides what may be written to the keys and directories of a
// store, given what was seen of them. It knows neither Terraform nor any words for
// people: what it does not write it answers with a [*Refusal].
package keyspace
