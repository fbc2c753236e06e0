package etcdtest

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"
)

func (s *Server) launch() error {
	s.mu.Lock()
	defer s.mu.Unlock()

	if s.proc.running() {
		return fmt.Errorf("etcd %s is already running", s.Name)
	}

	proc, err := startProcess(s.prog.path, s.args(), s.LogFile())
	if err != nil {
		return err
	}

	s.proc, s.paused = proc, false

	if s.full {
		return proc.limitFiles()
	}

	return nil
}

func (s *Server) args() []string {
	args := []string{
		"--name", s.Name,
		"--data-dir", s.DataDir(),
		"--listen-client-urls", s.URL(),
		"--advertise-client-urls", s.URL(),
		"--listen-peer-urls", s.listenPeerURL(),
		"--initial-advertise-peer-urls", s.PeerURL(),
		"--initial-cluster", s.cluster,
		"--initial-cluster-state", s.clusterState,
		"--initial-cluster-token", s.cfg.token,
		"--heartbeat-interval", strconv.FormatInt(s.cfg.heartbeat.Milliseconds(), 10),
		"--election-timeout", strconv.FormatInt(s.cfg.election.Milliseconds(), 10),
	}

	if s.prog.supports("enable-v2") {
		args = append(args, "--enable-v2="+strconv.FormatBool(!s.cfg.withoutV2))
	}

	if s.prog.supports("unsafe-no-fsync") {
		args = append(args, "--unsafe-no-fsync")
	}

	if s.Certs != nil {
		args = append(args, "--cert-file", s.Certs.Server.CertFile, "--key-file", s.Certs.Server.KeyFile)
	}

	if s.cfg.clientAuth {
		args = append(args, "--client-cert-auth", "--trusted-ca-file", s.Certs.CA.CertFile)
	}

	return append(args, s.cfg.args...)
}

func (s *Server) waitHealthy(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()

	var last error

	err := poll(ctx, func() (bool, error) {
		s.mu.Lock()
		running := s.proc.running()
		s.mu.Unlock()

		if !running {
			return false, s.exitError()
		}

		last = s.checkHealth(ctx)

		return last == nil, nil
	})
	if err != nil && ctx.Err() != nil {
		return fmt.Errorf("etcd %s is not healthy: %w; end of its log:\n%s", s.Name, last, s.tail())
	}

	return err
}

func (s *Server) exitError() error {
	tail := s.tail()
	if strings.Contains(tail, "address already in use") {
		return errBind
	}

	return fmt.Errorf("etcd %s is not running; end of its log:\n%s", s.Name, tail)
}

// checkHealth reads the health and the auth switch. Until the version of the cluster is
// decided, and for half a second more in etcd 2.3, the server rejects requests about
// users.
func (s *Server) checkHealth(ctx context.Context) error {
	var health struct {
		Health string `json:"health"`
	}

	if err := s.getJSON(ctx, "/health", &health); err != nil {
		return err
	}

	if health.Health != "true" {
		return fmt.Errorf("/health says %q", health.Health)
	}

	if s.cfg.withoutV2 {
		return nil
	}

	var auth struct{ Enabled bool }

	return s.getJSON(ctx, "/v2/auth/enable", &auth)
}

// waitContext is not canceled when the test ends, so that it also works in the test's
// cleanup. All its users have time limits of their own.
func waitContext(tb testing.TB) context.Context {
	tb.Helper()

	return context.WithoutCancel(tb.Context())
}

// poll calls check every few milliseconds until it returns true or an error, or ctx ends.
func poll(ctx context.Context, check func() (bool, error)) error {
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()

	for {
		done, err := check()
		if done || err != nil {
			return err
		}

		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}
