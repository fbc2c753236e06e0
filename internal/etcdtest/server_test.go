package etcdtest_test

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
)

func TestMain(m *testing.M) { etcdtest.Main(m) }

func TestStart_killRestartKeepsData(t *testing.T) {
	t.Parallel()

	s := etcdtest.Start(t)
	url, pid := s.URL(), s.Pid()
	written := s.Put(t, "/a b/c%?#", "x;y&z=1", "ttl=100")

	s.Kill(t)

	if s.Running() {
		t.Fatal("the server is running after Kill")
	}

	if _, err := s.Try(t.Context(), etcdtest.Call{Path: "/health"}); err == nil {
		t.Fatal("a killed server has answered")
	}

	s.Restart(t)

	if s.URL() != url || s.Pid() == pid || s.Pid() == 0 {
		t.Errorf("after Restart: URL %s, pid %d; want %s and another pid than %d", s.URL(), s.Pid(), url, pid)
	}

	got := s.Get(t, "/a b/c%?#").Node
	if got.Value != "x;y&z=1" || got.ModifiedIndex != written.Node.ModifiedIndex || got.TTL == 0 {
		t.Errorf("node after Restart = %+v, want %+v", got, written.Node)
	}

	s.Stop(t)
	s.Restart(t)

	if got := s.Get(t, "/a b/c%?#").Status; got != http.StatusOK {
		t.Errorf("status after Stop and Restart = %d, want 200", got)
	}
}

func TestStart_environmentDoesNotLeak(t *testing.T) {
	t.Setenv("ETCD_NAME", "leaked")

	s := etcdtest.Start(t)

	var self struct{ Name string }

	s.Do(t, etcdtest.Call{Path: "/v2/stats/self"}).Decode(t, &self)

	if self.Name != "n1" {
		t.Errorf("member name = %q, want n1", self.Name)
	}
}

func TestServer_pause(t *testing.T) {
	t.Parallel()

	s := etcdtest.Start(t)
	s.Pause(t)

	answered := make(chan int)

	go func() { answered <- s.Put(t, "/k", "v").Status }()

	select {
	case status := <-answered:
		t.Fatalf("a paused server has answered with status %d", status)
	case <-time.After(300 * time.Millisecond):
	}

	s.Resume(t)

	if status := <-answered; status != http.StatusCreated {
		t.Errorf("status after Resume = %d, want 201", status)
	}
}

//nolint:tparallel // The inner test has to end before the outer one checks.
func TestServer_pausedIsEndedWithTheTest(t *testing.T) {
	t.Parallel()

	var s *etcdtest.Server

	t.Run("pause", func(t *testing.T) {
		s = etcdtest.Start(t)
		s.Pause(t)
	})

	if s.Running() {
		t.Error("a paused server is running after its test")
	}
}

func TestStart_tls(t *testing.T) {
	t.Parallel()

	s := etcdtest.Start(t, etcdtest.WithTLS())
	s.Put(t, "/k", "v")

	if !strings.HasPrefix(s.URL(), "https://") {
		t.Errorf("URL = %s, want https", s.URL())
	}

	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(s.Certs.OtherCA.CertPEM)

	if err := tryTLS(t, s, &tls.Config{RootCAs: roots}); err == nil {
		t.Error("a client that trusts only the other CA was served")
	}

	for _, file := range []string{s.Certs.CA.CertFile, s.Certs.Client.CertFile, s.Certs.Client.KeyFile} {
		if _, err := os.Stat(file); err != nil {
			t.Error(err)
		}
	}
}

func TestStart_clientCertsRequired(t *testing.T) {
	t.Parallel()

	s := etcdtest.Start(t, etcdtest.WithClientCerts("alice"))
	s.Put(t, "/k", "v")

	config := s.Certs.ClientConfig(t)
	if err := tryTLS(t, s, config); err != nil {
		t.Errorf("with the client certificate: %v", err)
	}

	config.Certificates = nil
	if err := tryTLS(t, s, config); err == nil {
		t.Error("a client without a certificate was served")
	}

	foreign := s.Certs.OtherCA.Issue(t, "alice")

	pair, err := tls.X509KeyPair(foreign.CertPEM, foreign.KeyPEM)
	if err != nil {
		t.Fatal(err)
	}

	config.Certificates = []tls.Certificate{pair}
	if err := tryTLS(t, s, config); err == nil {
		t.Error("a client with a certificate of the other CA was served")
	}
}

func tryTLS(t *testing.T, s *etcdtest.Server, config *tls.Config) error {
	t.Helper()

	client := &http.Client{Transport: &http.Transport{TLSClientConfig: config, DisableKeepAlives: true}}

	resp, err := client.Get(s.URL() + "/v2/keys/k")
	if err == nil {
		resp.Body.Close()
	}

	return err
}

func TestStart_auth(t *testing.T) {
	t.Parallel()

	s := etcdtest.Start(t, etcdtest.WithAuth("secret"))
	users := etcdtest.Call{Path: "/v2/auth/users"}

	if got := s.Do(t, users).Status; got != http.StatusOK {
		t.Errorf("status as root = %d, want 200", got)
	}

	users.Anonymous = true
	if got := s.Do(t, users).Status; got != http.StatusUnauthorized {
		t.Errorf("status without credentials = %d, want 401", got)
	}

	users = etcdtest.Call{Path: "/v2/auth/users", User: "root", Password: "wrong"}
	if got := s.Do(t, users).Status; got != http.StatusUnauthorized {
		t.Errorf("status with a wrong password = %d, want 401", got)
	}

	s.JSON(t, http.MethodPut, "/v2/auth/users/alice", map[string]string{"user": "alice", "password": "x"})
	s.Restart(t)

	if got := s.Do(t, etcdtest.Call{Path: "/v2/auth/users/alice"}).Status; got != http.StatusOK {
		t.Errorf("status after Restart = %d, want 200", got)
	}
}

func TestStart_withoutV2(t *testing.T) {
	t.Parallel()

	s := etcdtest.Start(t, etcdtest.WithoutV2())

	answer := s.Get(t, "/k")
	if answer.Status != http.StatusNotFound || answer.ErrorCode != 0 {
		t.Errorf("answer = %d %s, want 404 without an error code", answer.Status, answer.Body)
	}
}

func TestServerVersion(t *testing.T) {
	t.Parallel()

	var version struct{ Etcdserver string }

	s := etcdtest.Shared(t)
	s.Do(t, etcdtest.Call{Path: "/version"}).Decode(t, &version)

	if got := etcdtest.ServerVersion(t).String(); got != version.Etcdserver || got != s.Version().String() {
		t.Errorf("ServerVersion() = %s, want %s", got, version.Etcdserver)
	}
}

func TestVersion_AtLeast(t *testing.T) {
	t.Parallel()

	v := etcdtest.Version{Major: 3, Minor: 4, Patch: 23}
	for line, want := range map[[2]int]bool{{2, 9}: true, {3, 3}: true, {3, 4}: true, {3, 5}: false, {4, 0}: false} {
		if got := v.AtLeast(line[0], line[1]); got != want {
			t.Errorf("%s.AtLeast(%d, %d) = %t, want %t", v, line[0], line[1], got, want)
		}
	}
}

//nolint:tparallel // The inner tests have to end before the outer one checks.
func TestShared_isOneServerWithKeySpaces(t *testing.T) {
	t.Parallel()

	first, second := etcdtest.Prefix(t), etcdtest.Prefix(t)
	if first == second {
		t.Errorf("Prefix() = %q twice", first)
	}

	pids := map[int]bool{}

	for i := range 4 { //nolint:paralleltest // See above.
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			s := etcdtest.Shared(t)
			s.Put(t, first+"/"+strconv.Itoa(i), "v")
			pids[s.Pid()] = true
		})
	}

	if len(pids) != 1 {
		t.Errorf("processes that the tests used = %v, want one", pids)
	}

	s := etcdtest.Shared(t)
	if got := len(s.Get(t, first).Node.Nodes); got != 4 {
		t.Errorf("%d keys, want 4", got)
	}

	s.Delete(t, first, "recursive=true")

	if got := s.Get(t, first).ErrorCode; got != 100 {
		t.Errorf("error code after Delete = %d, want 100", got)
	}
}

func TestStartCluster_leaderKilled(t *testing.T) {
	t.Parallel()

	c := etcdtest.StartCluster(t, 3)
	leader := c.Leader(t)

	if got := len(c.Followers(t)); got != 2 {
		t.Fatalf("%d followers, want 2", got)
	}

	for i, s := range c.Servers {
		s.Put(t, "/k"+strconv.Itoa(i), "v")
	}

	leader.Kill(t)

	next := c.Leader(t)
	if next == leader {
		t.Fatal("the killed node is still the leader")
	}

	next.Put(t, "/after", "v")
	leader.Restart(t)

	if got := leader.Get(t, "/after").Status; got != http.StatusOK {
		t.Errorf("status at the restarted node = %d, want 200", got)
	}
}

func TestStartCluster_auth(t *testing.T) {
	t.Parallel()

	for _, s := range etcdtest.StartCluster(t, 3, etcdtest.WithAuth("secret"), etcdtest.WithTLS()).Servers {
		if got := s.Do(t, etcdtest.Call{Path: "/v2/auth/users"}).Status; got != http.StatusOK {
			t.Errorf("status at %s = %d, want 200", s.Name, got)
		}
	}
}

func TestServer_Join(t *testing.T) {
	t.Parallel()

	s := etcdtest.Start(t)
	s.Put(t, "/k", "v")

	n2 := s.Reserve(t, "n2")
	s.JSON(t, http.MethodPost, "/v2/members", map[string]any{"peerURLs": []string{n2.PeerURL()}})
	n2.Join(t, "n1="+s.PeerURL()+",n2="+n2.PeerURL())

	if got := n2.Get(t, "/k").Node.Value; got != "v" {
		t.Errorf("value at the new member = %q, want v", got)
	}

	n2.Put(t, "/k", "w")

	if got := s.Get(t, "/k").Node.Value; got != "w" {
		t.Errorf("value at the first member = %q, want w", got)
	}
}
