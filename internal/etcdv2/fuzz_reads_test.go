package etcdv2_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

// sameAnswer answers every request alike.
type sameAnswer struct {
	status int
	body   []byte
}

func (a sameAnswer) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: a.status, Status: http.StatusText(a.status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(bytes.NewReader(a.body)), Request: r,
	}, nil
}

// named is the name, user and role that the fuzzed reads ask for.
const named = "ops"

// readCalls are the reads outside the key space. Each returns the names of what it read.
var readCalls = map[string]func(ctx context.Context, c *etcdv2.Client) (names []string, err error){
	"Users.List": func(ctx context.Context, c *etcdv2.Client) (names []string, err error) {
		list, err := c.Users.List(ctx)
		for _, user := range list {
			names = append(names, user.Name)
		}
		return names, err
	},
	"Users.Get": func(ctx context.Context, c *etcdv2.Client) (names []string, err error) {
		user, err := c.Users.Get(ctx, named)
		if err == nil {
			err = isAbout("user", user.Name)
		}
		return nil, err
	},
	"Roles.List": func(ctx context.Context, c *etcdv2.Client) (names []string, err error) {
		list, err := c.Roles.List(ctx)
		for _, role := range list {
			names = append(names, role.Name)
		}
		return names, err
	},
	"Roles.Get": func(ctx context.Context, c *etcdv2.Client) (names []string, err error) {
		role, err := c.Roles.Get(ctx, named)
		if err == nil {
			err = isAbout("role", role.Name)
		}
		return nil, err
	},
	"Members.List": func(ctx context.Context, c *etcdv2.Client) (names []string, err error) {
		list, err := c.Members.List(ctx)
		for _, member := range list {
			names = append(names, member.ID)
		}
		return names, err
	},
	"Members.Leader": func(ctx context.Context, c *etcdv2.Client) (names []string, err error) {
		leader, err := c.Members.Leader(ctx)
		if err == nil {
			names = append(names, leader.ID)
		}
		return names, err
	},
	"Auth.Status": func(ctx context.Context, c *etcdv2.Client) ([]string, error) {
		_, err := c.Auth.Status(ctx)
		return nil, err
	},
	"Version": func(ctx context.Context, c *etcdv2.Client) ([]string, error) {
		version, err := c.Version(ctx)
		return []string{version.Server}, err
	},
	"Health": func(ctx context.Context, c *etcdv2.Client) ([]string, error) {
		_, err := c.Health(ctx)
		return nil, err
	},
	"Stats.Self": func(ctx context.Context, c *etcdv2.Client) ([]string, error) {
		_, err := c.Stats.Self(ctx)
		return nil, err
	},
	"Stats.Store": func(ctx context.Context, c *etcdv2.Client) ([]string, error) {
		_, err := c.Stats.Store(ctx)
		return nil, err
	},
	"Stats.Leader": func(ctx context.Context, c *etcdv2.Client) ([]string, error) {
		_, err := c.Stats.Leader(ctx)
		return nil, err
	},
}

var errOfAnother = errors.New("it is about another")

func isAbout(kind, name string) error {
	if name != named {
		return errors.Join(errOfAnother, errors.New(kind+" "+name))
	}
	return nil
}

// FuzzReads gives each read outside the key space an answer. An answer is read or reported as
// invalid, nothing in it has an empty name, and only a server that reports it missing makes
// something missing.
func FuzzReads(f *testing.F) {
	for _, text := range []string{
		`{"users":[{"user":"ops","roles":[{"role":"r","permissions":{"kv":{"read":["/a"],"write":null}}}]}]}`,
		`{"users":["ops","root"]}`, `{"users":null}`, `{"roles":[{"role":"ops","permissions":{"kv":{"read":["*"]}}}]}`, `{"roles":["ops"]}`,
		`{"user":"ops","roles":["r"]}`, `{"user":"ops","roles":null}`, `{"role":"ops","permissions":{"kv":{"read":[],"write":[]}}}`,
		`{"members":[{"id":"1f","name":"a","peerURLs":["http://h:1"],"clientURLs":["http://h:2"]}]}`, `{"id":"1f","name":"a"}`,
		`{"enabled":true}`,
		`{"etcdserver":"3.5.1","etcdcluster":"3.5.0"}`, "etcd 2.0.13", `{"health":"true","reason":""}`,
		`{"health":"false","reason":"RAFT NO LEADER"}`,
		`{"name":"a","id":"1f","state":"StateLeader","leaderInfo":{"leader":"1f","uptime":"1m2s","startTime":"2026-01-02T03:04:05Z"}}`,
		`{"leader":"1f","followers":{"2f":{"latency":{"minimum":9223372036854775807},"counts":{"fail":1}}}}`, `{"getsSuccess":1,"watchers":0}`,
		`{"users":[{}]}`, `{"roles":[{}]}`, `{"user":"ops","roles":[{}]}`, `{"members":[{"id":""}]}`, `{"id":""}`,
		`{"users":[""]}`, `{"roles":[null]}`,
		`{"message":"auth: User ops does not exist."}`, `{"message":"auth: Role r does not exist."}`,
		`{"message":"Internal Server Error"}`, "null", "",
	} {
		for _, status := range []int{http.StatusOK, http.StatusNotFound, http.StatusServiceUnavailable} {
			f.Add(status, []byte(text))
		}
	}
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		if status < http.StatusOK || status > 599 {
			t.Skip("no server answers so")
		}
		client := newAuthClient(t, etcdv2.Options{
			Endpoints: []string{"http://127.0.0.1:1"}, Transport: sameAnswer{status: status, body: body}, Retry: etcdv2.RetryPolicy{MaxAttempts: 1},
		})
		for what, call := range readCalls {
			names, err := call(t.Context(), client)
			checkRead(t, what, sameAnswer{status: status, body: body}, names, err)
		}
	})
}

func checkRead(t *testing.T, what string, answer sameAnswer, names []string, err error) {
	t.Helper()
	isGood := answer.status < http.StatusMultipleChoices
	for _, name := range names {
		if name == "" && err == nil {
			t.Errorf("%s: %q is read as an object without a name", what, answer.body)
		}
	}
	switch {
	case err == nil:
		isText := what == "Version" && strings.HasPrefix(strings.TrimSpace(string(answer.body)), "etcd ")
		if isReadable := json.Valid(answer.body) || isText; !isReadable {
			t.Errorf("%s: %q is read, and it is not JSON", what, answer.body)
		}
		if !isGood && what != "Health" {
			t.Errorf("%s: the status %d is taken for success", what, answer.status)
		}
	case errors.Is(err, errOfAnother):
		t.Errorf("%s: %q: %v", what, answer.body, err)
	case isGood && errors.Is(err, etcdv2.ErrNotFound):
		t.Errorf("%s: %q with status %d is taken for a missing object: %v", what, answer.body, answer.status, err)
	case isGood && !errors.Is(err, etcdv2.ErrInvalidAnswer) && !errors.Is(err, etcdv2.ErrInvalidName):
		t.Errorf("%s: %q with status %d: error = %v, want %v", what, answer.body, answer.status, err, etcdv2.ErrInvalidAnswer)
	case !utf8.ValidString(err.Error()):
		t.Errorf("%s: the text %q is not valid UTF-8", what, err.Error())
	}
}
