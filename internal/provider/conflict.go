package provider

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
	"github.com/etcdv2/terraform-provider-etcd/internal/keyspace"
)

// Every refusal of the key space is worded here, and nowhere else.

// namedAtMost is how many keys an error names.
const namedAtMost = 20

// refusal is a refusal of the key space as a diagnostic.
type refusal struct {
	summary string
	// what happened to which object, and the advice, which is the same for all refusals with this
	// summary.
	what   string
	advice string
	cause  error
	// letsGo means that a deletion was deliberately not made: the object leaves state anyway, with
	// a warning.
	letsGo bool
}

func (c *refusal) Error() string { return c.summary + ": " + c.what }

func (c *refusal) Unwrap() error { return c.cause }

// subject describes the object of a refusal, besides its path, for the text of the
// diagnostic.
type subject struct {
	// resource is the type that an import block is to name.
	resource string
	// importID is the id for an import block, if it is not the path.
	importID string
	// prefix is the provider's key_prefix, for commands.
	prefix string
	// isNew means that the object was not in state before: it is created or imported.
	isNew bool
	// advice replaces the advice of some kinds.
	advice map[keyspace.Kind]string
}

// worded turns a refusal of the key space into a diagnostic, and returns any other error as it is.
func (s subject) worded(err error) error {
	r, ok := errors.AsType[*keyspace.Refusal](err)
	if _, done := errors.AsType[*refusal](err); done || !ok {
		return err
	}
	w := wordings[refusalOf{r.Kind, r.Directory}]
	if summary, ok := summariesOfNew[r.Kind]; ok && s.isNew {
		w.summary = summary
	}
	what, advice := w.words(s, r)
	if own, ok := s.advice[r.Kind]; ok {
		advice = own
	}
	return &refusal{summary: w.summary, what: what, advice: advice, cause: err, letsGo: r.Stays()}
}

// addFailure reports that an operation failed: see addFailure.
func (s subject) addFailure(diags *diag.Diagnostics, summary, object string, err error) {
	addFailure(diags, summary, object, s.worded(err))
}

// importBlock is ready to paste, but for the name of the resource.
func (s subject) importBlock(path string) string {
	if s.importID != "" {
		path = s.importID
	}
	return importBlock(s.resource, path)
}

// refusalOf is the key of a wording: a kind of refusal, of a key or a directory.
type refusalOf struct {
	kind      keyspace.Kind
	directory bool
}

// wording is the text for a kind of refusal.
type wording struct {
	summary string
	words   func(s subject, r *keyspace.Refusal) (what, advice string)
}

const (
	aKey       = false
	aDirectory = true
)

// wordings has every kind of refusal, of a key and of a directory.
var wordings = map[refusalOf]wording{
	{keyspace.Exists, aKey}:       {"Key already exists", wordExists},
	{keyspace.Exists, aDirectory}: {"Directory already exists", wordExists},

	{keyspace.ExistsByRun, aKey}:       {"Key already exists", wordExistsByRun},
	{keyspace.ExistsByRun, aDirectory}: {"Directory already exists", wordExistsByRun},

	{keyspace.Changed, aKey}:       {"Key changed since it was planned", wordChanged},
	{keyspace.Changed, aDirectory}: {"Directory changed since it was planned", wordChanged},

	{keyspace.Gone, aKey}:       {"Key was deleted since it was planned", wordGone},
	{keyspace.Gone, aDirectory}: {"Directory was deleted since it was planned", wordGone},

	{keyspace.Remade, aKey}:       {"Key changed since it was planned", wordRemade},
	{keyspace.Remade, aDirectory}: {"Directory changed since it was planned", wordRemade},

	{keyspace.IsDirectory, aKey}:       {"Key is a directory now", wordIsDirectory},
	{keyspace.IsDirectory, aDirectory}: {"There is a directory", wordIsDirectory},

	{keyspace.IsEmptyDirectory, aKey}:       {"An empty directory is in the way", wordIsEmptyDirectory},
	{keyspace.IsEmptyDirectory, aDirectory}: {"An empty directory is in the way", wordIsEmptyDirectory},

	{keyspace.IsKey, aKey}:       {"There is a key", wordIsKey},
	{keyspace.IsKey, aDirectory}: {"Directory is a key now", wordIsKey},

	{keyspace.BelowKey, aKey}:       {"Key is in place of a directory", wordBelowKey},
	{keyspace.BelowKey, aDirectory}: {"Key is in place of a directory", wordBelowKey},

	{keyspace.NotEmpty, aKey}:       {"Directory is not empty", wordNotEmpty},
	{keyspace.NotEmpty, aDirectory}: {"Directory is not empty", wordNotEmpty},

	{keyspace.LosesBytes, aKey}:       {lossSummary, wordLosesBytes},
	{keyspace.LosesBytes, aDirectory}: {lossSummary, wordLosesBytes},

	{keyspace.TTLFixed, aKey}:       wordingOf(etcdv2.ErrDirUpdate),
	{keyspace.TTLFixed, aDirectory}: wordingOf(etcdv2.ErrDirUpdate),

	{keyspace.OutcomeUnknown, aKey}:       wordingOf(etcdv2.ErrOutcomeUnknown),
	{keyspace.OutcomeUnknown, aDirectory}: wordingOf(etcdv2.ErrOutcomeUnknown),

	{keyspace.InOrderUnknown, aKey}:       {"Outcome of a write is unknown", wordInOrderUnknown},
	{keyspace.InOrderUnknown, aDirectory}: {"Outcome of a write is unknown", wordInOrderUnknown},

	{keyspace.StaysNeeded, aKey}:       {"Key stays in the store", wordStaysNeeded},
	{keyspace.StaysNeeded, aDirectory}: {"Directory stays in the store", wordStaysNeeded},

	{keyspace.StaysReplaced, aKey}:       {"Key is a directory now", wordStaysReplaced},
	{keyspace.StaysReplaced, aDirectory}: {"Directory is a key now", wordStaysReplaced},

	{keyspace.StaysRemade, aKey}:       {"Key is another one now", wordStaysRemade},
	{keyspace.StaysRemade, aDirectory}: {"Directory is another one now", wordStaysRemade},
}

// summariesOfNew replace the summaries for an object that was not in state before, for which
// "changed" would be wrong.
var summariesOfNew = map[keyspace.Kind]string{keyspace.IsDirectory: "There is a directory", keyspace.IsKey: "There is a key"}

// asNew returns the subject for an object that was not in state before.
func (s subject) asNew() subject {
	s.isNew = true
	return s
}

// wordingOf puts a refusal as a failure of the client is put.
func wordingOf(kind error) wording {
	summary, text := adviceOn(kind)
	return wording{summary, func(_ subject, r *keyspace.Refusal) (what, advice string) {
		return r.Path + ".", text + "\n\nError: " + r.Err.Error()
	}}
}

func wordExists(s subject, r *keyspace.Refusal) (what, advice string) {
	what = r.Path + " already exists"
	if r.Found != 0 {
		what += fmt.Sprintf(" (modified index %d)", r.Found)
	}
	return what + notChanged, existsAdvice(s.importBlock(r.Path))
}

// A directory may be there only because a key below it was created first.
func wordExistsByRun(s subject, r *keyspace.Refusal) (what, advice string) {
	return fmt.Sprintf("%s appeared in this run, when another object of the configuration created %s in it.", r.Path, r.Other),
		orderAdvice(r.Path) + " Then apply again with adopt_existing = true, or import the directory:\n\n" + s.importBlock(r.Path)
}

func wordChanged(_ subject, r *keyspace.Refusal) (what, advice string) {
	at := fmt.Sprintf(": it was planned at modified index %d and is at %d now", r.Planned, r.Found)
	if r.Planned == 0 {
		at = fmt.Sprintf("; it is at modified index %d now", r.Found)
	}
	return fmt.Sprintf("%s was written by somebody else after this plan was made%s.", r.Path, at),
		"It was not changed. Find out who else writes it, then plan again and review what it shows."
}

func wordGone(_ subject, r *keyspace.Refusal) (what, advice string) {
	return fmt.Sprintf("%s existed at index %d when this plan was made, and was deleted or has expired since.", r.Path, r.Planned),
		"It was not written. Plan again and review what it shows."
}

func wordRemade(_ subject, r *keyspace.Refusal) (what, advice string) {
	return fmt.Sprintf(
			"%s was removed and created again by somebody else: its created index is %d, and the plan was made for %d.", r.Path, r.Found, r.Planned,
		),
		"It was not changed. Plan again and review what it shows."
}

func wordIsDirectory(_ subject, r *keyspace.Refusal) (what, advice string) {
	return fmt.Sprintf("There is a directory at %s, and it was not changed.", r.Path),
		"To keep it, take this object out of the configuration; otherwise remove the directory first."
}

func wordIsEmptyDirectory(s subject, r *keyspace.Refusal) (what, advice string) {
	remove := "the directories in it, the innermost first, and then it"
	if len(r.Children) <= namedAtMost {
		commands := make([]string, 0, len(r.Children))
		for _, dir := range r.Children {
			commands = append(commands, fmt.Sprintf("ETCDCTL_API=2 etcdctl rmdir '%s%s'", s.prefix, dir))
		}
		remove = strings.Join(commands, " && ")
	}
	return fmt.Sprintf("There is an empty directory at %s, where the key is to be created: a server keeps a directory when the last key in "+
		"it is deleted. It was not changed. To remove it if it is still empty: %s", r.Path, remove), "Remove it, and apply again."
}

func wordIsKey(_ subject, r *keyspace.Refusal) (what, advice string) {
	return fmt.Sprintf("There is a key at %s, and it was not changed.", r.Path),
		"To keep it, take this object out of the configuration; otherwise remove the key first."
}

func wordBelowKey(_ subject, r *keyspace.Refusal) (what, advice string) {
	return fmt.Sprintf("%s cannot be created: %s is a key, and a key cannot contain anything.", r.Path, r.Other),
		"Remove the key that is in the way, or choose another path."
}

func wordNotEmpty(_ subject, r *keyspace.Refusal) (what, advice string) {
	content := "It contains only hidden keys, whose names start with an underscore; a listing does not show them."
	if len(r.Children) > 0 {
		content = "It contains:\n\n" + enumerate(slices.Sorted(slices.Values(r.Children)))
	}
	return fmt.Sprintf("%s was not deleted, nor any key in it. %s", r.Path, content),
		"If that is managed by this configuration too: " + orderAdvice(r.Path) + "\n\nOtherwise remove what is in it, or set force_destroy = " +
			"true and apply that first to delete it with everything in it."
}

const lossSummary = "Write would lose bytes that are not text"

func wordLosesBytes(_ subject, r *keyspace.Refusal) (what, advice string) { return wordLosses(r.Path) }

// wordLosses puts that values would be written back as the API shows them.
func wordLosses(keys ...string) (what, advice string) {
	return "The API shows U+FFFD for bytes that are not UTF-8 text, and to write the value back would store that. The values of these keys " +
			"contain such bytes:\n\n" +
			enumerate(keys),
		"They were not changed. Leave them as they are, set other values, or make this change with a client that sends the bytes. " +
			"A TTL can be set without writing the value (" + refreshServers + "), but not removed."
}

// checkLosses looks for a key whose value has bytes that are not text and stays as it is. A plan that
// writes it at another path is refused: the destroy of the old key comes first.
func checkLosses(key string, moves bool, ttlBefore, ttl types.Int64, diags *diag.Diagnostics) {
	switch {
	case moves:
		addLosses(diags, key)
	case ttl.IsNull() && notNull(ttlBefore):
		warnOfLosses(diags, key)
	}
}

// warnOfLosses warns of a plan that would write values back to remove their TTLs. The apply refuses
// each of these writes. It is not an error of the plan: both may be the work of another program.
func warnOfLosses(diags *diag.Diagnostics, keys ...string) {
	var errs diag.Diagnostics
	addLosses(&errs, keys...)
	warnOfApply(diags, errs)
}

// losesBytesAgain reports whether a create that replaces an object would write its value as the API
// shows it. notText is what private state has of that object: it is the same in both halves of a replacement.
func losesBytesAgain(notText bool, value string) bool {
	return notText && (strings.ContainsRune(value, utf8.RuneError) || strings.Contains(strings.ToLower(value), `\ufffd`))
}

// addLosses refuses a plan that would write values back as the API shows them.
func addLosses(diags *diag.Diagnostics, keys ...string) {
	if len(keys) > 0 {
		what, advice := wordLosses(keys...)
		diags.AddError(lossSummary, what+"\n\n"+advice)
	}
}

func wordInOrderUnknown(s subject, r *keyspace.Refusal) (what, advice string) {
	what = fmt.Sprintf("A key was asked for in %s when the etcd index was %d, and the answer was lost. It may have been made, or be "+
		"made later.", r.Path, r.Planned)
	switch {
	case r.Planned == 0, r.Found == 0:
		what += " The directory could not be read to find out."
	case len(r.Children) == 0:
		what += " No new key there has the value."
	default:
		what += " More than one new key has the value:\n\n" + enumerate(r.Children)
	}
	return what, "Look in the directory, after half a minute, for keys that are newer than that index and have the value. To keep one, " +
		"import it:\n\n" +
		s.importBlock(strings.TrimSuffix(r.Path, "/")+"/00000000000000000000") + "\n\nDelete it otherwise, and apply again."
}

const (
	notChanged = ", and was not changed."
	leftState  = "The object that was to be destroyed has left state."
)

func wordStaysNeeded(_ subject, r *keyspace.Refusal) (what, advice string) {
	if r.Other != r.Path {
		return fmt.Sprintf("In %s another object created, wrote or adopted %s in this run, so neither the directory nor anything in it was "+
			"deleted.", r.Path, r.Other), leftState
	}
	return neededInRun(r.Path), leftState
}

func neededInRun(name string) string {
	return name + " was created, written or adopted by another object in this run, so it was not deleted."
}

func wordStaysReplaced(_ subject, r *keyspace.Refusal) (what, advice string) {
	other := "directory"
	if r.Directory {
		other = "key"
	}
	return fmt.Sprintf("There is a %s at %s. Nothing was deleted.", other, r.Path), leftState
}

func wordStaysRemade(_ subject, r *keyspace.Refusal) (what, advice string) {
	return r.Path + " was removed and created again by somebody else, so it is not the one in state. Nothing was deleted.", leftState
}

// alreadyExists is the refusal to create something under an id that is taken.
func alreadyExists(noun, what, resource, id string) error {
	return &refusal{summary: noun + " already exists", what: what +
		notChanged, advice: existsAdvice(importBlock(resource, id)), cause: etcdv2.ErrExists}
}

// existsAdvice returns what to do where something exists that was to be created.
func existsAdvice(block string) string {
	return replacedAdvice + endedAdvice + "To manage it with this configuration, import it:\n\n" + block + "\n\n" +
		"or set adopt_existing = true to take it over and write what the configuration says."
}

// adviceOnKeys replaces the advice where the object has other keys too.
func adviceOnKeys(onExisting string) map[keyspace.Kind]string {
	const onDirectory = "Take the key out of keys, or remove the directory first."
	return map[keyspace.Kind]string{keyspace.Exists: onExisting, keyspace.IsDirectory: onDirectory, keyspace.IsEmptyDirectory: onDirectory}
}

func existingKeysAdvice(prefix string) string {
	return replacedAdvice + endedAdvice +
		"To manage these keys with this configuration, import them, which includes every key below the prefix:\n\n" +
		importBlock("etcd_key_prefix", prefix) + "\n\n" + adoptKeysAdvice
}

// adoptKeysAdvice is the advice on keys that exist, besides import.
const adoptKeysAdvice = "Set adopt_existing = true to take these over and write what the configuration says, or take them out of keys."

// staysInStore is a deletion that is left out because another object of this
// run is about the same object of the store.
func staysInStore(noun, name string) error {
	return &refusal{summary: noun + " stays in the store", what: neededInRun(name), advice: leftState, letsGo: true}
}

// replacedAdvice is the case of an object that exists because it is being
// replaced.
const replacedAdvice = "If it is being replaced here with create_before_destroy, which is also inherited from objects that depend on it, " +
	"its old instance still has it: remove create_before_destroy, or set adopt_existing = true: the new instance then takes it over and " +
	"the old one leaves it in place.\n\n"

// endedAdvice is the case of an object that exists because the run that created it could not save
// the state.
const endedAdvice = "If a run that was killed may have created it, look at it, and import it as below.\n\n"

// orderAdvice is how what is in a directory is created after it, and deleted
// before it.
func orderAdvice(path string) string {
	return fmt.Sprintf("Let what is in the directory refer to it, so that the directory is created first and destroyed last: "+
		"write \"${etcd_dir.example.path}/...\" instead of \"%s/...\".", path)
}

// importBlock is ready to paste, but for the name of the resource.
func importBlock(resource, id string) string {
	return fmt.Sprintf("import {\n  to = %s.example # the address of this resource\n  id = %q\n}", resource, id)
}

// enumerate writes names or sentences one below the other, and not too many.
func enumerate(lines []string) string {
	if more := len(lines) - namedAtMost; more > 0 {
		lines = append(slices.Clone(lines[:namedAtMost]), fmt.Sprintf("and %d more", more))
	}
	return "  " + strings.Join(lines, "\n  ")
}
