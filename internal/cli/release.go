package cli

import (
	"context"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
)

// Release is the release of a CLI, such as OpenTofu 1.11.
type Release struct {
	OpenTofu     bool
	Major, Minor int
}

var release = regexp.MustCompile(`^(Terraform|OpenTofu) v(\d+)\.(\d+)`)

// Release asks the CLI for its release.
func (w *Workspace) Release(ctx context.Context) (Release, error) {
	output, err := w.Expect(ctx, 0, "version")
	if err != nil {
		return Release{}, fmt.Errorf("%w\n%s", err, output)
	}
	match := release.FindStringSubmatch(output)
	if match == nil {
		return Release{}, fmt.Errorf("%s version printed %q", w.Name(), output)
	}
	r := Release{OpenTofu: match[1] == "OpenTofu"}
	if r.Major, err = strconv.Atoi(match[2]); err == nil {
		r.Minor, err = strconv.Atoi(match[3])
	}
	return r, err
}

// AtLeast reports whether the release is a given one or a newer one.
func (r Release) AtLeast(major, minor int) bool {
	return r.Major > major || r.Major == major && r.Minor >= minor
}

// String is the name of the CLI and its release, such as "OpenTofu 1.11".
func (r Release) String() string {
	name := "Terraform"
	if r.OpenTofu {
		name = "OpenTofu"
	}
	return fmt.Sprintf("%s %d.%d", name, r.Major, r.Minor)
}

// Build builds the provider of this module as a program.
func Build(ctx context.Context, program string) error {
	build := exec.CommandContext(ctx, "go", "build", "-o", program, "github.com/etcdv2/terraform-provider-etcd")
	if output, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, output)
	}
	return nil
}
