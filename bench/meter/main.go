// Meter is started by a CLI in place of a provider, runs the provider, and records what it
// used when it ends. METER_PROGRAM is the provider, METER_FILE the file to which Meter
// appends a line of JSON.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"syscall"
)

func main() {
	code, err := run()
	if err != nil {
		fmt.Fprintln(os.Stderr, "meter:", err)
		code = 1
	}
	os.Exit(code)
}

func run() (int, error) {
	runtime.LockOSThread()                                          // The provider ends with the thread that started it.
	signal.Ignore(os.Interrupt)                                     // The provider gets it too, and decides.
	cmd := exec.Command(os.Getenv("METER_PROGRAM"), os.Args[1:]...) //nolint:gosec,noctx // it runs as long as the provider
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = endWithParent()
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return 0, err
	}
	used, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		return 0, errors.New("this system does not report what a process has used")
	}
	line, err := json.Marshal(map[string]float64{
		"cpu": (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds(),
		"rss": float64(used.Maxrss) * rssUnit,
	})
	if err != nil {
		return 0, err
	}
	file, err := os.OpenFile(os.Getenv("METER_FILE"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600) //nolint:gosec // its own file
	if err != nil {
		return 0, err
	}
	_, err = file.Write(append(line, '\n'))
	return cmd.ProcessState.ExitCode(), errors.Join(err, file.Close())
}
