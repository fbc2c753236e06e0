package etcdtest

import (
	"net/http"
	"net/url"
	"testing"
)

func TestServer_FillDisk(t *testing.T) {
	t.Parallel()

	s := Start(t)
	s.Put(t, "/before", "v")
	s.FillDisk(t)

	write := Call{Method: http.MethodPut, Path: "/v2/keys/during", Form: url.Values{"value": {"v"}}}
	if answer, err := s.Try(t.Context(), write); err == nil && answer.OK() {
		t.Errorf("a write on a full disk succeeded: %s", answer.Body)
	}

	if code := s.WaitExit(t); code <= 0 {
		t.Errorf("etcd exited with code %d on a full disk, want an error", code)
	}

	s.Launch(t)

	if code := s.WaitExit(t); code <= 0 {
		t.Errorf("etcd exited with code %d when it was started on a full disk, want an error", code)
	}

	s.FreeDisk(t)
	s.Launch(t)
	s.WaitHealthy(t)

	if got := s.Get(t, "/before").Node.Value; got != "v" {
		t.Errorf("the value written before is %q, want %q", got, "v")
	}

	if answer := s.Get(t, "/during"); answer.Status != http.StatusNotFound {
		t.Errorf("the write on a full disk was applied: status %d", answer.Status)
	}

	s.Put(t, "/after", "v")
	s.FillDisk(t)
	s.FreeDisk(t)
	s.Restart(t)
}
