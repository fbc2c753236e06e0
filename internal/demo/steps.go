package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

const greeting = "/app/greeting"

// step is one step of the demo.
type step struct {
	title string
	do    func(ctx context.Context, w *workspace, server *etcd) error
}

var steps = []step{
	{"Apply a directory, a key and a key with a TTL", apply},
	{"Plan again: nothing to do", emptyPlan},
	{"Somebody changes the value behind Terraform's back: the plan shows the drift", drift},
	{"Apply: the configured value is back", correct},
	{"A rival writes between plan and apply: the apply is refused and the rival's value stays", rival},
	{"Destroy: each delete carries the index that was read, too", destroy},
}

// show performs the steps in order and ends with the first that fails.
func show(ctx context.Context, w *workspace, server *etcd) error {
	if _, err := w.expect(ctx, 0, "init"); err != nil {
		return err
	}
	for i, s := range steps {
		fmt.Fprintf(os.Stdout, "\n== %d. %s\n", i+1, s.title)
		if err := s.do(ctx, w, server); err != nil {
			return fmt.Errorf("step %d: %w", i+1, err)
		}
	}
	fmt.Fprintf(os.Stdout, "\nAll %d steps did what they show.\n", len(steps))
	return nil
}

func apply(ctx context.Context, w *workspace, server *etcd) error {
	if _, err := w.expect(ctx, 0, "apply", "-auto-approve"); err != nil {
		return err
	}
	return server.contains(ctx, "hello")
}

func emptyPlan(ctx context.Context, w *workspace, _ *etcd) error {
	_, err := w.expect(ctx, 0, "plan", "-detailed-exitcode")
	return err
}

func drift(ctx context.Context, w *workspace, server *etcd) error {
	if err := server.set(ctx, "changed by hand"); err != nil {
		return err
	}
	_, err := w.expect(ctx, 2, "plan", "-detailed-exitcode")
	return err
}

func correct(ctx context.Context, w *workspace, server *etcd) error {
	return apply(ctx, w, server)
}

func rival(ctx context.Context, w *workspace, server *etcd) error {
	const change = "-var=greeting=good evening"
	if _, err := w.expect(ctx, 0, "plan", change, "-out=saved.plan"); err != nil {
		return err
	}
	if err := server.set(ctx, "written by a rival"); err != nil {
		return err
	}
	output, err := w.expect(ctx, 1, "apply", "saved.plan")
	if err != nil {
		return err
	}
	if !strings.Contains(output, "changed since it was planned") {
		return errors.New("the apply failed, but not with the conflict")
	}
	return server.contains(ctx, "written by a rival")
}

func destroy(ctx context.Context, w *workspace, server *etcd) error {
	if _, err := w.expect(ctx, 0, "destroy", "-auto-approve"); err != nil {
		return err
	}
	exists, err := server.client.Keys.Exists(ctx, "/app")
	if err == nil && exists {
		err = errors.New("/app still exists")
	}
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stdout, "\n(etcd) /app is gone")
	return nil
}

// set writes the greeting like a client that does not know about Terraform.
func (e *etcd) set(ctx context.Context, value string) error {
	fmt.Fprintf(os.Stdout, "\n(etcd) set %s = %q\n", greeting, value)
	_, err := e.client.Keys.Set(ctx, greeting, value, etcdv2.WriteOptions{})
	return err
}

// contains returns an error unless the greeting has this value on the server.
func (e *etcd) contains(ctx context.Context, want string) error {
	resp, err := e.client.Keys.Get(ctx, greeting, etcdv2.GetOptions{})
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stdout, "\n(etcd) get %s = %q\n", greeting, resp.Node.Value)
	if resp.Node.Value != want {
		return fmt.Errorf("%s is %q, want %q", greeting, resp.Node.Value, want)
	}
	return nil
}
