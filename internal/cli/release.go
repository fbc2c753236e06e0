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

// Feature is a feature of the CLIs, given by the minor versions 1.x of Terraform and of
// OpenTofu that introduced it; 0 means none yet.
type Feature struct{ Terraform, OpenTofu int }

// Features that configurations for the provider use. RemovedBlocks are removed blocks with
// a lifecycle; MovesOfTypes are moved blocks between resource types; Ephemeral are
// ephemeral resources and variables.
var (
	ImportBlocks     = Feature{Terraform: 5, OpenTofu: 6}
	CheckBlocks      = Feature{Terraform: 5, OpenTofu: 6}
	RemovedBlocks    = Feature{Terraform: 7, OpenTofu: 10}
	Functions        = Feature{Terraform: 8, OpenTofu: 7}
	MovesOfTypes     = Feature{Terraform: 8, OpenTofu: 10}
	Ephemeral        = Feature{Terraform: 10, OpenTofu: 11}
	WriteOnly        = Feature{Terraform: 11, OpenTofu: 11}
	ImportByIdentity = Feature{Terraform: 12, OpenTofu: 12}
	Lists            = Feature{Terraform: 14}
	Actions          = Feature{Terraform: 14}
)

// Knows reports whether the release has a feature.
func (r Release) Knows(f Feature) bool {
	since := f.Terraform
	if r.OpenTofu {
		since = f.OpenTofu
	}
	return since > 0 && r.AtLeast(1, since)
}

// String returns the name of the CLI and its release, such as "OpenTofu 1.11".
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
