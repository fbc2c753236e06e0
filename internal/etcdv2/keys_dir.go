package etcdv2

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strconv"
)

// CreateDir makes a directory that does not exist (prevExist=false), and those
// above it. Errors are those of Create.
func (s *KeysService) CreateDir(ctx context.Context, path string, opts CreateOptions) (*Response, error) {
	w, err := s.write(path, nil, opts.WriteOptions)
	if err != nil {
		return nil, err
	}
	return s.create(ctx, w, opts)
}

// UpdateDir sets the TTL of a directory and keeps its children; without a TTL
// it becomes permanent. A server cannot compare a directory with an index, so
// the last writer wins. It returns ErrNotDir if it is a key, ErrNotFound if
// there is none, and ErrDirUpdate from etcd 3.5, which cannot do it. It needs no
// permission to read the directory. With opts.IsOurs and Options.SettleTime a lost
// answer is settled; otherwise it is ErrOutcomeUnknown.
func (s *KeysService) UpdateDir(ctx context.Context, path string, opts WriteOptions) (*Response, error) {
	w, err := s.write(path, nil, opts)
	if err != nil {
		return nil, err
	}
	// On a key this would empty its value.
	if err := s.requireDir(ctx, path, false); err != nil {
		return nil, err
	}
	w.form.Set("prevExist", "true")
	w.unguarded = opts.IsOurs != nil
	return s.response(s.client.do(ctx, s.settled(w)))
}

// requireDir returns ErrNotDir if there is a key of this name, and ErrNotFound if
// there is nothing. Who may write and not read finds out by a delete that cannot
// come true: its condition fails on a key, and is refused for a directory.
func (s *KeysService) requireDir(ctx context.Context, path string, recursive bool) error {
	_, err := s.List(ctx, path, GetOptions{})
	if !errors.Is(err, ErrUnauthorized) {
		return err
	}
	probe := s.request(http.MethodDelete, path, recursive)
	probe.query = url.Values{"prevIndex": {strconv.FormatUint(math.MaxUint64, 10)}}
	probe.replay = replayGuarded
	_, err = s.response(s.client.do(ctx, probe))
	switch {
	case errors.Is(err, ErrNotFile):
		return nil
	case errors.Is(err, ErrCompareFailed):
		return fmt.Errorf("%s: %w", path, ErrNotDir)
	default:
		return err
	}
}

// DeleteDirOptions are the options of DeleteDir.
type DeleteDirOptions struct {
	// Recursive deletes everything in the directory, hidden nodes included.
	// False means that only an empty directory is deleted.
	Recursive bool
}

// DeleteDir deletes a directory. It returns ErrDirNotEmpty if it has children
// and opts does not say recursive, ErrNotDir if it is a key, ErrNotFound if
// there is none, and ErrOutcomeUnknown if the answer was lost: with
// Options.SettleTime, only if the directory is still there. It needs no permission
// to read the directory.
func (s *KeysService) DeleteDir(ctx context.Context, path string, opts DeleteDirOptions) (*Response, error) {
	if err := CheckKey(path); err != nil {
		return nil, err
	}
	// A server deletes a key too when it is asked to delete a directory.
	if err := s.requireDir(ctx, path, opts.Recursive); err != nil {
		return nil, err
	}
	r := s.request(http.MethodDelete, path, opts.Recursive)
	r.query = url.Values{"dir": {"true"}}
	setTrue(r.query, "recursive", opts.Recursive)
	return s.response(s.client.do(ctx, s.settled(&write{request: r, key: path, deletes: true, unguarded: true})))
}
