package main

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"text/template"

	"github.com/etcdv2/terraform-provider-etcd/internal/cli"
	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

//go:embed playground
var playgroundFiles embed.FS

// facts are the values in the texts of the playground.
type facts struct {
	URL, Dir, Config, CLI, CLIDir string
	Lists                         bool
}

// play fills the store, prints commands to try, and waits until ctx ends.
func play(ctx context.Context, w *workspace, server *etcd) error {
	if err := server.seed(ctx); err != nil {
		return fmt.Errorf("filling the store: %w", err)
	}
	w.Out = nil
	release, err := w.Release(ctx)
	if err != nil {
		return err
	}
	f := facts{
		URL: server.url, Dir: w.Dir, Config: w.Config,
		CLI: w.Name(), CLIDir: filepath.Dir(w.Program), Lists: release.Knows(cli.Lists),
	}
	if err := f.writeFiles(); err != nil {
		return err
	}
	commands, err := f.render("commands.txt")
	if err != nil {
		return err
	}
	if _, err := os.Stdout.Write(commands); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		fmt.Fprintln(os.Stdout, "\nThe playground has ended.")
		return nil
	case <-server.done:
		return fmt.Errorf("etcd ended: %w", server.exit)
	}
}

// writeFiles writes env.sh and the lessons into the directory of the configuration.
func (f facts) writeFiles() error {
	env, err := f.render("env.sh")
	lessons := filepath.Join(f.Dir, "lessons")
	if err = errors.Join(err, os.WriteFile(filepath.Join(f.Dir, "env.sh"), env, 0o600), os.Mkdir(lessons, 0o750)); err != nil {
		return err
	}
	for _, name := range []string{"import.tf", "services.tfquery.hcl"} {
		text, err := playgroundFiles.ReadFile("playground/" + name)
		if err = errors.Join(err, os.WriteFile(filepath.Join(lessons, name), text, 0o600)); err != nil {
			return err
		}
	}
	return nil
}

// render fills in one of the texts of the playground.
func (f facts) render(name string) ([]byte, error) {
	text, err := template.ParseFS(playgroundFiles, "playground/"+name)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err = text.Execute(&out, f)
	return out.Bytes(), err
}

// seed writes the initial content of the playground's store.
func (e *etcd) seed(ctx context.Context) error {
	hour := int64(3600)
	for _, key := range []struct {
		name, value string
		ttl         *int64
	}{
		{"/legacy/color", "blue", nil},
		{"/legacy/limits", `{"cpu": 2, "memory": "1G"}`, nil},
		{"/services/web/1", "10.0.0.1:80", &hour},
		{"/services/web/2", "10.0.0.2:80", &hour},
	} {
		if _, err := e.client.Keys.Set(ctx, key.name, key.value, etcdv2.WriteOptions{TTL: key.ttl}); err != nil {
			return err
		}
	}
	if _, err := e.client.Keys.CreateDir(ctx, "/legacy/spool", etcdv2.CreateOptions{}); err != nil {
		return err
	}
	permissions := etcdv2.Permissions{Read: []string{"/legacy", "/legacy/*"}}
	if _, err := e.client.Roles.Create(ctx, "reader", permissions); err != nil {
		return err
	}
	_, err := e.client.Users.Create(ctx, "alice", "playground", []string{"reader"})
	return err
}
