// Package keyspace decides what may be written to the keys and directories of a
// store, given what was seen of them. It knows neither Terraform nor any words for
// people: what it does not write it answers with a [*Refusal], whose kind says why.
//
// # Writes
//
// A [Store] makes every write of a key on a condition, and none overwrites or
// removes what its caller has not seen:
//
//	create   prevExist=false  exists already: Exists, or, to adopt, a swap on the index just read
//	update   prevIndex        the index has moved, and the content is as seen or as wanted:
//	                          again on the new index; otherwise Changed, Gone or IsDirectory
//	delete   prevIndex        the same, and what is gone is done
//	any      lost answer      settled by the client, by the one comparison that it is given here:
//	                          ours is success, another's a refusal, the rest OutcomeUnknown
//
// A server has no conditions for directories: their created index is compared just
// before a write, which narrows the gap and does not close it. Nor has it one for
// keys in order: [Store.CreateInOrder] settles a lost answer by what is new.
//
// # Many keys
//
// A [Tree] is what a directory contains, a [TreeIntent] what is to become of it,
// and a [Batch] makes the writes that lead from the one to the other, and keeps
// account of each.
//
// # One run
//
// A [Run] is what one plan or apply did so far. What one object of it created,
// wrote or adopted is not deleted by another; [Claims] find out at plan time which
// objects would fight. [ReadAhead] answers the reads of many keys of one directory
// from one listing.
package keyspace
