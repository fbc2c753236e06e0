package keyspace

import "fmt"

// Kind says why a write was refused, or a deletion left out.
type Kind int

// The kinds of refusals. Those that begin with Stays are deletions that were left out for
// good: the caller need not track the object any longer.
const (
	// Exists: there is already something at the path, at the modified index Found, or 0
	// if that is not known.
	Exists Kind = iota + 1
	// ExistsByRun: the directory exists because another object of this run created Other
	// in it.
	ExistsByRun
	// Changed: the key is not as it was seen at index Planned, 0 if that is not known. It
	// is at index Found now.
	Changed
	// Gone: what was seen at index Planned was deleted or has expired.
	Gone
	// Remade: what was created at index Planned was removed, and created again at index
	// Found.
	Remade
	// IsDirectory: a directory is in the place of the key.
	IsDirectory
	// IsEmptyDirectory: a directory is in the place of the key. It contains only the empty
	// directories Children, the innermost first and the directory itself last.
	IsEmptyDirectory
	// IsKey: a key is in the place of the directory.
	IsKey
	// BelowKey: the key Other is where a directory is needed.
	BelowKey
	// NotEmpty: the directory contains Children; the names of directories end with a
	// slash. If Children is empty, everything in it is hidden from listings.
	NotEmpty
	// LosesBytes: the value contains bytes that are not text, and the write would replace
	// it by the value without them, as the API shows it.
	LosesBytes
	// TTLFixed: the server cannot change the TTL of an existing directory.
	TTLFixed
	// OutcomeUnknown: the answer was lost, and a read did not settle whether the write was
	// applied. It may still be applied later.
	OutcomeUnknown
	// InOrderUnknown: it is not known whether a key was created in the directory after
	// index Planned. Children are the keys with the value that are new at index Found. An
	// index is 0 if the directory could not be read at that point.
	InOrderUnknown
	// StaysNeeded: another object of this run created, wrote or adopted Other, which is
	// the object to delete or is in it.
	StaysNeeded
	// StaysReplaced: a key is in the place of the directory, or a directory in the place
	// of the key.
	StaysReplaced
	// StaysRemade: the object to delete was removed, and created again at index Found.
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

// Refusal is a write that was not made, because the store is not as it was seen or
// because the write would do harm. With OutcomeUnknown and InOrderUnknown the write may
// have been made. It never contains a value, which may be a secret.
type Refusal struct {
	// Kind says which of the other fields are set.
	Kind Kind
	// Path is the key or the directory that was not written.
	Path string
	// Directory reports whether the write was for a directory.
	Directory bool
	// Planned is the index at which it was seen, and Found its index now.
	Planned, Found uint64
	// Other is another path: see Kind.
	Other string
	// Children are paths in a directory.
	Children []string
	// Err is the underlying error of the client, nil if there was none. Branch on it with
	// [errors.Is].
	Err error
}

// Error names the path and the kind. The caller words it for people.
func (r *Refusal) Error() string { return r.Path + " " + r.Kind.String() }

// Unwrap returns the error of the client.
func (r *Refusal) Unwrap() error { return r.Err }

// Stays reports whether a deletion was left out for good.
func (r *Refusal) Stays() bool {
	return r.Kind == StaysNeeded || r.Kind == StaysReplaced || r.Kind == StaysRemade
}
