package main_test

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/etcdv2/terraform-provider-etcd/internal/cli"
	"github.com/etcdv2/terraform-provider-etcd/internal/cli/clitest"
	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
)

// TestMain turns this program into a curl when it runs under that name, so that the commands
// need no curl on the machine.
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == "curl" {
		if err := curl(os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	etcdtest.Main(m)
}

// curl supports the options of curl that the commands of the playground use.
func curl(args []string) error {
	flags := flag.NewFlagSet("curl", flag.ContinueOnError)
	method, body := flags.String("X", http.MethodGet, ""), flags.String("d", "", "")
	if err := flags.Parse(args); err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(context.Background(), *method, flags.Arg(0), strings.NewReader(*body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	_, err = io.Copy(os.Stdout, resp.Body)
	return errors.Join(err, resp.Body.Close())
}

// TestAccPlayground runs the commands that the playground prints, and interrupts it.
func TestAccPlayground(t *testing.T) {
	t.Parallel()

	lab := clitest.New(t)
	if !lab.Release.Knows(cli.WriteOnly) {
		t.Skipf("make playground does not choose %s", lab.Release)
	}
	p := startPlayground(t, lab)
	output := p.typeCommands(t)
	for _, want := range []string{
		"Apply complete! Resources: 3 added",
		`"value":"changed by hand"`,
		`"changed by hand" -> "hello"`,
		"changed since it was planned",
		`"written by a rival" -> "hello"`,
		"Plan: 5 to import, 0 to add, 0 to change, 0 to destroy.",
		"Apply complete! Resources: 5 imported, 0 added, 0 changed, 0 destroyed.",
	} {
		if !strings.Contains(output, want) {
			t.Errorf("the commands did not print %q", want)
		}
	}
	if lab.Release.Knows(cli.Lists) != strings.Contains(output, "Plan: 2 to import, 0 to add, 0 to change, 0 to destroy.") {
		t.Errorf("the query on %s is missing, or does more than import", lab.Release)
	}
	p.interrupt(t)
	if t.Failed() {
		t.Log(output)
	}
}

// playground is a running playground and what it has printed.
type playground struct {
	cmd      *exec.Cmd
	tmp      string
	url, dir string
	commands []string
}

// startPlayground starts a playground and reads what it prints up to its last line.
func startPlayground(t *testing.T, lab *clitest.Lab) *playground {
	t.Helper()

	program := filepath.Join(t.TempDir(), "demo")
	if output, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, output)
	}
	etcd, err := etcdtest.Program()
	if err != nil {
		t.Fatal(err)
	}
	p := &playground{tmp: t.TempDir()}
	p.cmd = exec.CommandContext(t.Context(), program, "-playground", "-etcd", etcd, "-cli", lab.Program, "-provider", lab.Provider)
	p.cmd.Env = append(os.Environ(), "TMPDIR="+p.tmp)
	p.cmd.Stderr = os.Stderr
	p.cmd.Cancel = func() error { return p.cmd.Process.Signal(syscall.SIGTERM) }
	out, err := p.cmd.StdoutPipe()
	if err == nil {
		err = p.cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	p.read(t, out)
	return p
}

// read parses the commands in the output of the playground.
func (p *playground) read(t *testing.T, out io.Reader) {
	t.Helper()

	const last = "Press Ctrl-C here"
	var text strings.Builder
	lines := bufio.NewScanner(out)
	for lines.Scan() && !strings.HasPrefix(lines.Text(), last) {
		text.WriteString(lines.Text() + "\n")
	}
	if !strings.HasPrefix(lines.Text(), last) {
		t.Fatalf("the playground printed no line %q:\n%s", last, text.String())
	}
	_, commands, _ := strings.Cut(text.String(), "Type these commands")
	for _, match := range regexp.MustCompile(`(?m)^    (.*)$`).FindAllStringSubmatch(commands, -1) {
		p.commands = append(p.commands, match[1])
	}
	p.url = regexp.MustCompile(`http://127\.0\.0\.1:\d+`).FindString(text.String())
	if len(p.commands) < 10 || p.url == "" {
		t.Fatalf("the playground printed too few commands, or no URL:\n%s", text.String())
	}
}

// typeCommands runs the commands like a person who approves every apply.
func (p *playground) typeCommands(t *testing.T) string {
	t.Helper()

	if dir, found := strings.CutPrefix(p.commands[0], "cd "); !found || p.commands[1] != ". ./env.sh" {
		t.Fatalf("the first commands are %q", p.commands[:2])
	} else {
		p.dir = dir
	}
	self, err := os.Executable()
	bin := t.TempDir()
	if err = errors.Join(err, os.Symlink(self, filepath.Join(bin, "curl"))); err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, command := range p.commands[2:] {
		shell := exec.CommandContext(t.Context(), "sh", "-c", ". ./env.sh && "+command)
		shell.Dir = p.dir
		shell.Env = append(os.Environ(), "TF_CLI_ARGS=-nonsense", "ETCDCTL_ENDPOINTS=http://nowhere.invalid",
			"PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"))
		shell.Stdin = strings.NewReader("yes\n")
		output, err := shell.CombinedOutput()
		text := regexp.MustCompile("\x1b\\[[0-9;]*m").ReplaceAllString(string(output), "")
		all.WriteString("$ " + command + "\n" + text)
		if refused := strings.HasSuffix(command, "apply saved"); (err != nil) != refused {
			t.Fatalf("%s: %v\n%s", command, err, text)
		}
	}
	return all.String()
}

// interrupt ends the playground as Ctrl-C does, and checks that nothing is left.
func (p *playground) interrupt(t *testing.T) {
	t.Helper()

	if err := p.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Wait(); err != nil {
		t.Errorf("the playground ended with %v", err)
	}
	if left, err := os.ReadDir(p.tmp); err != nil || len(left) > 0 {
		t.Errorf("the playground left %v behind (%v)", left, err)
	}
	address, err := url.Parse(p.url)
	if err != nil {
		t.Fatal(err)
	}
	var dialer net.Dialer
	if conn, err := dialer.DialContext(t.Context(), "tcp", address.Host); err == nil {
		t.Errorf("something still listens on %s", p.url)
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	} else if !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("connecting to %s: %v", p.url, err)
	}
}
