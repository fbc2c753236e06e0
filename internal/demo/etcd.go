package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

// etcd is a throwaway server on loopback.
type etcd struct {
	url    string
	client *etcdv2.Client
	cmd    *exec.Cmd
	done   chan struct{} // closed when the process has ended, with exit
	exit   error
}

// startEtcd starts a server with its data below dir and waits until it is healthy.
func startEtcd(ctx context.Context, program, dir string) (*etcd, error) {
	client, err := freeURL()
	if err != nil {
		return nil, err
	}
	peer, err := freeURL()
	if err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(dir, "etcd.log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd := exec.Command(program, //nolint:gosec,noctx // the program is the caller's; stop ends it
		"--name=demo", "--data-dir="+filepath.Join(dir, "etcd"), "--enable-v2=true",
		"--listen-client-urls="+client, "--advertise-client-urls="+client,
		"--listen-peer-urls="+peer, "--initial-advertise-peer-urls="+peer, "--initial-cluster=demo="+peer,
		"--heartbeat-interval=20", "--election-timeout=100")
	cmd.Stdout, cmd.Stderr = log, log
	// In a process group of its own, the server does not get the terminal's interrupts.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting etcd: %w", err)
	}
	server := &etcd{url: client, cmd: cmd, done: make(chan struct{})}
	go func() {
		server.exit = cmd.Wait()
		close(server.done)
	}()
	if err := server.wait(ctx); err != nil {
		text, readErr := os.ReadFile(log.Name())
		server.stop()
		return nil, fmt.Errorf("%w\n%s", err, append(text, fmt.Sprintln(readErr)...))
	}
	return server, nil
}

// wait returns when the server is healthy, or an error if it ends or takes too long.
func (e *etcd) wait(ctx context.Context) (err error) {
	if e.client, err = etcdv2.New(etcdv2.Options{Endpoints: []string{e.url}}); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		health, err := e.client.Health(ctx)
		if err == nil && health.Healthy {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("etcd is not healthy: %w", err)
		case <-e.done:
			return fmt.Errorf("etcd ended: %w", e.exit)
		case <-tick.C:
		}
	}
}

// stop ends the server and returns when its process has ended.
func (e *etcd) stop() {
	if err := e.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return
	}
	select {
	case <-e.done:
	case <-time.After(5 * time.Second):
		_ = e.cmd.Process.Kill()
		<-e.done
	}
}

// freeURL returns a URL on loopback with a free port.
func freeURL() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // closed in the next line
	if err != nil {
		return "", err
	}
	return "http://" + listener.Addr().String(), listener.Close()
}
