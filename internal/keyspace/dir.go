package keyspace

import (
	"context"
	"errors"
	"slices"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

// The directories of the store. A server has no conditional writes for directories. Just
// before a write we compare the created index, which narrows the race and does not
// close it.

// SeenDir is a directory as a caller has seen it.
type SeenDir struct {
	// CreatedIndex identifies this directory: another one at the same path has another.
	CreatedIndex uint64
	// ReplacedBy is the created index of another directory that a refresh found in its
	// place, 0 if there was none.
	ReplacedBy uint64
}

// ReadDir reads a directory and its children for a refresh. It returns ErrNotFound only
// if nothing is there, and refuses a key.
func (s *Store) ReadDir(ctx context.Context, path string) (*etcdv2.Node, error) {
	resp, err := s.keys.Get(ctx, path, etcdv2.GetOptions{Sorted: true})
	if err != nil {
		return nil, err
	}
	if !resp.Node.Dir {
		return nil, isKey(path)
	}
	return resp.Node, nil
}

// CreateDir creates a directory that must not exist, or adopts an existing one if adopt
// is true.
func (s *Store) CreateDir(ctx context.Context, path string, ttl *int64, adopt bool) (node *etcdv2.Node, err error) {
	done, err := s.begin(ctx, path)
	if err != nil {
		return nil, err
	}
	defer func() { done(err) }()
	found, absentAt, err := s.readBeforeCreate(ctx, path)
	if err != nil {
		return nil, err
	}
	if found == nil {
		if node, found, err = s.sendCreateDir(ctx, path, ttl, absentAt, adopt); err != nil || node != nil {
			return node, err
		}
	}
	return s.takeOverDir(ctx, found, ttl, adopt)
}

// sendCreateDir creates a directory that we believe to be absent. Another writer may be
// faster; found is then the node that is there.
func (s *Store) sendCreateDir(
	ctx context.Context, path string, ttl *int64, absentAt uint64, adopt bool,
) (created, found *etcdv2.Node, err error) {
	opts := etcdv2.CreateOptions{WriteOptions: etcdv2.WriteOptions{TTL: ttl}, AbsentAt: absentAt}
	resp, err := s.keys.CreateDir(ctx, path, opts)
	switch {
	case err == nil:
		return resp.Node, nil, nil
	case errors.Is(err, etcdv2.ErrOutcomeUnknown):
		return nil, nil, &Refusal{Kind: OutcomeUnknown, Path: path, Directory: true, Err: err}
	case !errors.Is(err, etcdv2.ErrExists):
		return nil, nil, err
	}
	found, _, err = s.readBeforeCreate(ctx, path)
	if found == nil && (err == nil || !adopt && !errors.Is(err, etcdv2.ErrNotDir)) {
		// If the user may not read it, the answer is the same: it exists.
		err = s.dirExists(path, 0)
	}
	return nil, found, err
}

// takeOverDir sets the wanted TTL on an existing directory, if adopt is true.
func (s *Store) takeOverDir(ctx context.Context, found *etcdv2.Node, ttl *int64, adopt bool) (*etcdv2.Node, error) {
	switch {
	case !found.Dir:
		return nil, isKey(found.Key)
	case !adopt:
		return nil, s.dirExists(found.Key, found.ModifiedIndex)
	case ttl == nil && !found.HasTTL():
		return found, nil
	}
	node, err := s.sendUpdateDir(ctx, found.Key, found.CreatedIndex, ttl)
	if err == nil && s.OnAdopt != nil {
		s.OnAdopt(TTLChange{found.Key, RemainingTTL(found), Seconds(ttl)})
	}
	return node, err
}

// UpdateDir sets or removes the TTL of a directory that is still the one that was seen.
// Its children stay.
func (s *Store) UpdateDir(ctx context.Context, path string, seen SeenDir, ttl *int64) (node *etcdv2.Node, err error) {
	done, err := s.begin(ctx, path)
	if err != nil {
		return nil, err
	}
	defer func() { done(err) }()
	if _, err := s.sameDir(ctx, path, seen.CreatedIndex); err != nil {
		return nil, dirRefused(path, seen.CreatedIndex, err)
	}
	return s.sendUpdateDir(ctx, path, seen.CreatedIndex, ttl)
}

func (s *Store) sendUpdateDir(ctx context.Context, path string, createdIndex uint64, ttl *int64) (*etcdv2.Node, error) {
	isOurs := func(found *etcdv2.Node) bool {
		return found.Dir && found.CreatedIndex == createdIndex && hasTTL(found, ttl)
	}
	resp, err := s.keys.UpdateDir(ctx, path, etcdv2.WriteOptions{TTL: ttl, IsOurs: isOurs})
	if err != nil {
		return nil, dirRefused(path, createdIndex, err)
	}
	if resp.Settled {
		return resp.Node, nil
	}
	// Servers before 3.5 answer with an index that a read does not show. Even an
	// interrupted run must know what it has written.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), etcdv2.SettleTime)
	defer cancel()
	found, err := s.ReadDir(ctx, path)
	if err != nil {
		return nil, dirRefused(path, createdIndex, err)
	}
	return found, nil
}

// KeepDir is Keep for a directory. It refuses a directory that this run has deleted.
func (s *Store) KeepDir(ctx context.Context, path string, seen SeenDir) error {
	isThere, err := s.keep(ctx, path)
	if err == nil && !isThere {
		return dirRefused(path, seen.CreatedIndex, etcdv2.ErrNotFound)
	}
	return err
}

// RemoveDir deletes a directory that is still the one that was seen. If it contains a
// key, it is deleted only if force is true; a directory that contains only empty
// directories counts as empty. A directory that is already gone counts as removed. A
// directory stays if another object of this run created, wrote or adopted anything in
// it, if a refresh found that it is another one, or if a key is in its place.
func (s *Store) RemoveDir(ctx context.Context, path string, seen SeenDir, force bool) error {
	defer s.run.lockTree()()
	if made, ok := s.run.madeWithin(path); ok {
		return &Refusal{Kind: StaysNeeded, Path: path, Directory: true, Other: made}
	}
	found, err := s.sameDir(ctx, path, seen.CreatedIndex)
	switch {
	case errors.Is(err, etcdv2.ErrNotDir) && !errors.Is(err, etcdv2.ErrNotFound):
		return &Refusal{Kind: StaysReplaced, Path: path, Directory: true}
	case err != nil && found != nil && found.CreatedIndex == seen.ReplacedBy:
		return &Refusal{Kind: StaysRemade, Path: path, Directory: true, Found: found.CreatedIndex}
	case err != nil:
		return ignoreAbsence(err)
	case force:
		err = s.deleteDir(ctx, path, true)
	default:
		err = s.removeEmpty(ctx, found)
	}
	if err = ignoreAbsence(err); err == nil {
		s.run.noteTreeRemoved(path)
	}
	return err
}

// removeEmpty deletes a directory that contains only empty directories, the innermost
// first. The server refuses to delete one that is not empty.
func (s *Store) removeEmpty(ctx context.Context, found *etcdv2.Node) error {
	empty, err := s.emptyDirs(ctx, found)
	if err != nil {
		return err
	}
	if empty == nil {
		return notEmpty(found.Key, found.Nodes)
	}
	for _, path := range empty {
		if err := ignoreAbsence(s.deleteDir(ctx, path, false)); err != nil {
			return err
		}
	}
	return nil
}

// deleteDir deletes a directory, which must be empty unless recursive is true.
func (s *Store) deleteDir(ctx context.Context, path string, recursive bool) error {
	_, err := s.keys.DeleteDir(ctx, path, etcdv2.DeleteDirOptions{Recursive: recursive})
	if !errors.Is(err, etcdv2.ErrDirNotEmpty) {
		if errors.Is(err, etcdv2.ErrOutcomeUnknown) {
			return dirRefused(path, 0, err)
		}
		return err
	}
	// A key may have been added since, or it contains hidden ones.
	found, readErr := s.keys.List(ctx, path, etcdv2.GetOptions{Sorted: true})
	if readErr != nil {
		return readErr
	}
	return notEmpty(path, found.Node.Nodes)
}

// emptyDirs returns a directory and all directories in it, the innermost first, or nil
// if any of them contains a key. A listing leaves hidden nodes out.
func (s *Store) emptyDirs(ctx context.Context, found *etcdv2.Node) ([]string, error) {
	if len(found.Nodes) == 0 {
		return []string{found.Key}, nil
	}
	if slices.ContainsFunc(found.Nodes, func(n *etcdv2.Node) bool { return !n.Dir }) {
		return nil, nil
	}
	resp, err := s.keys.Get(ctx, found.Key, etcdv2.GetOptions{Recursive: true})
	switch {
	case errors.Is(err, etcdv2.ErrUnauthorized):
		return nil, nil
	case err != nil:
		return nil, err
	}
	return appendDirs(nil, resp.Node), nil
}

// appendDirs appends a directory and those in it, the innermost first, or returns nil if
// any of them contains a key.
func appendDirs(dirs []string, node *etcdv2.Node) []string {
	for _, child := range node.Nodes {
		if !child.Dir {
			return nil
		}
		if dirs = appendDirs(dirs, child); dirs == nil {
			return nil
		}
	}
	return append(dirs, node.Key)
}

// ignoreAbsence treats the deletion of something that does not exist as a success.
func ignoreAbsence(err error) error {
	if _, refused := errors.AsType[*Refusal](err); !refused && errors.Is(err, etcdv2.ErrNotFound) {
		return nil
	}
	return err
}

// sameDir reads a directory with its children. If it is not the one that was seen, it
// returns a refusal along with the directory.
func (s *Store) sameDir(ctx context.Context, path string, createdIndex uint64) (*etcdv2.Node, error) {
	resp, err := s.keys.Get(ctx, path, etcdv2.GetOptions{Sorted: true})
	if err != nil {
		return nil, err
	}
	switch {
	case !resp.Node.Dir:
		return nil, isKey(path)
	case resp.Node.CreatedIndex != createdIndex:
		return resp.Node, &Refusal{Kind: Remade, Path: path, Directory: true, Planned: createdIndex, Found: resp.Node.CreatedIndex}
	default:
		return resp.Node, nil
	}
}

// dirExists is the refusal to create a directory that exists. The directory may be there
// only because a key below it was created first.
func (s *Store) dirExists(path string, found uint64) error {
	refusal := &Refusal{Kind: Exists, Path: path, Directory: true, Found: found, Err: etcdv2.ErrExists}
	if made, ok := s.run.madeWithin(path); ok {
		refusal.Kind, refusal.Other = ExistsByRun, made
	}
	return refusal
}

// directoryInTheWay is the refusal to create a key where a directory is. For a directory
// without any keys it lists the directories to remove.
func (s *Store) directoryInTheWay(ctx context.Context, key string) error {
	resp, err := s.keys.List(ctx, key, etcdv2.GetOptions{})
	if err != nil {
		return isDirectory(key)
	}
	empty, err := s.emptyDirs(ctx, resp.Node)
	if err != nil || empty == nil {
		return isDirectory(key)
	}
	return emptyInTheWay(key, empty)
}

// emptyInTheWay is the refusal to create a key where an empty directory is. empty lists
// the directories to remove, the innermost first.
func emptyInTheWay(key string, empty []string) error {
	return &Refusal{Kind: IsEmptyDirectory, Path: key, Children: empty, Err: etcdv2.ErrNotFile}
}

func isKey(path string) error {
	return &Refusal{Kind: IsKey, Path: path, Directory: true, Err: etcdv2.ErrNotDir}
}

// dirRefused turns an answer that shows that a directory is not as it was seen into a
// refusal, and returns any other error unchanged.
func dirRefused(path string, planned uint64, err error) error {
	refusal := &Refusal{Path: path, Directory: true, Planned: planned, Err: err}
	switch {
	case errors.As(err, new(*Refusal)):
		return err
	case errors.Is(err, etcdv2.ErrOutcomeUnknown):
		refusal.Kind = OutcomeUnknown
	case errors.Is(err, etcdv2.ErrNotFound):
		refusal.Kind = Gone
	case errors.Is(err, etcdv2.ErrDirUpdate):
		refusal.Kind = TTLFixed
	default:
		return err
	}
	return refusal
}

func notEmpty(path string, children []*etcdv2.Node) error {
	names := make([]string, 0, len(children))
	for _, child := range children {
		name := child.Key
		if child.Dir {
			name += "/"
		}
		names = append(names, name)
	}
	return &Refusal{Kind: NotEmpty, Path: path, Directory: true, Children: names, Err: etcdv2.ErrDirNotEmpty}
}
