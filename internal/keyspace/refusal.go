package keyspace

import "fmt"

// Kind is why a write was refused, or a deletion left out.
type Kind int

// The kinds of refusals. Those that begin with Stays are deletions that were
// left out for good: the caller need not remember the object any more.
const (
	// Exists: there is something at the path already, at the modified index Found,
	// 0 if it is not known.
	Exists Kind = iota + 1
	// ExistsByRun: the directory exists because another object of this run made
	// Other in it.
	ExistsByRun
	// Changed: it is not as it was seen at index Planned, 0 if it is not
	// known. It is at index Found now.
	Changed
	// Gone: what was seen at index Planned was deleted or has expired.
	Gone
	// Remade: what was created at index Planned was removed, and created again at
	// index Found.
	Remade
	// IsDirectory: there is a directory in the place of the key.
	IsDirectory
	// IsEmptyDirectory: there is a directory in the place of the key, and nothing
	// in it but the empty directories Children, the innermost first and the
	// directory itself last.
	IsEmptyDirectory
	// IsKey: there is a key in the place of the directory.
	IsKey
	// BelowKey: the key Other is where a directory is needed.
	BelowKey
	// NotEmpty: the directory contains Children; the names of directories end with a
	// slash. Without any it contains only what a listing hides.
	NotEmpty
	// LosesBytes: the value contains bytes that are not text, and the write would
	// put back what the API shows of them.
	LosesBytes
	// TTLFixed: the server cannot change the TTL of a directory that exists.
	TTLFixed
	// OutcomeUnknown: the answer was lost, and a read did not settle whether the
	// write was made. It may yet be.
	OutcomeUnknown
	// InOrderUnknown: it is not known whether a key was created in the directory
	// after index Planned. Children are the keys that have the value and are new at
	// index Found. An index is 0 if the directory could not be read then.
	InOrderUnknown
	// StaysNeeded: another object of this run made Other, which is what was to be
	// deleted or is in it.
	StaysNeeded
	// StaysReplaced: there is a key in the place of the directory, or a directory
	// in the place of the key.
	StaysReplaced
	// StaysRemade: what was to be deleted was removed, and created again at index
	// Found.
	StaysRemade

	endOfKinds
)

var kindNames = [endOfKinds]string{
	Exists: "exists", ExistsByRun: "exists because of this run", Changed: "has changed", Gone: "is gone", Remade: "was created again",
	IsDirectory: "is a directory", IsEmptyDirectory: "is an empty directory", IsKey: "is a key", BelowKey: "is below a key",
	NotEmpty:   "is not empty",
	LosesBytes: "would lose bytes", TTLFixed: "has a fixed TTL", OutcomeUnknown: "may have been written",
	InOrderUnknown: "may contain a new key", StaysNeeded: "stays, it is needed", StaysReplaced: "stays, it was replaced",
	StaysRemade: "stays, it was created again",
}

// Kinds returns every kind.
func Kinds() []Kind {
	var kinds []Kind
	for k := Exists; k < endOfKinds; k++ {
		kinds = append(kinds, k)
	}
	return kinds
}

// String describes the kind for a log or a test.
func (k Kind) String() string {
	if k < Exists || k >= endOfKinds {
		return fmt.Sprintf("Kind(%d)", int(k))
	}
	return kindNames[k]
}

// Refusal is a write that was not made, because the store is not as it was seen,
// because the write would do harm, or, with OutcomeUnknown and InOrderUnknown,
// that may have been made. It never contains a value, which may be a secret.
type Refusal struct {
	// Kind says which of the other fields are set.
	Kind Kind
	// Path is the key or the directory that was to be written.
	Path string
	// Directory reports whether it was to be a directory.
	Directory bool
	// Planned is the index at which it was seen, and Found the one that it is at.
	Planned, Found uint64
	// Other is another path: see Kind.
	Other string
	// Children are paths in a directory.
	Children []string
	// Err is the error of the client behind it, nil if there was none. Branch on it
	// with [errors.Is].
	Err error
}

// Error names the path and the kind, without a wording for people.
func (r *Refusal) Error() string { return r.Path + " " + r.Kind.String() }

// Unwrap returns the error of the client.
func (r *Refusal) Unwrap() error { return r.Err }

// Stays reports whether a deletion was left out for good.
func (r *Refusal) Stays() bool {
	return r.Kind == StaysNeeded || r.Kind == StaysReplaced || r.Kind == StaysRemade
}
