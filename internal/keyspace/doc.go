// Package keyspace decides what may be written to the keys and directories of a
// store, given what its caller has seen of them. It does not know Terraform and words
// nothing for people: for a write that it does not make it returns a [*Refusal] whose
// kind says why.
//
// # Writes
//
// A [Store] makes every write of a key conditional, so that no write overwrites or
// removes anything that its caller has not seen:
//
//	create   prevExist=false  already exists: Exists, or, to adopt it, a swap on the index just read
//	update   prevIndex        index has moved and the content is as seen or as wanted: sent again
//	                          with the new index; otherwise Changed, Gone or IsDirectory
//	delete   prevIndex        the same; a key that is gone counts as deleted
//	any      lost answer      settled by the client, by comparing with what this package sent:
//	                          ours is a success, another writer's a refusal, the rest OutcomeUnknown
//
// A server has no conditional writes for directories. Just before a write we compare
// the created index, which narrows the race and does not close it. Nor has a server a
// condition for keys in order: [Store.CreateInOrder] settles a lost answer by looking
// for a new key with the value that was sent.
//
// # Many keys
//
// A [Tree] is what a directory contains, and a [TreeIntent] is what it should contain. A
// [Batch] makes the writes that lead from one to the other, and records the outcome of
// each.
//
// # One run
//
// A [Run] is what one plan or apply has done so far. What one object of a run created,
// wrote or adopted is not deleted by another object of it. [Claims] find out at plan time
// which objects would conflict. [ReadAhead] answers the reads of many keys of one
// directory from one listing.
package keyspace
