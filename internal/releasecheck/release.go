package main

import (
	"archive/zip"
	"bufio"
	"bytes"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/go-cmp/cmp"
)

// platforms are the platforms that a release must have, with Go's names for them.
var platforms = []string{
	"darwin_amd64", "darwin_arm64",
	"freebsd_386", "freebsd_amd64", "freebsd_arm",
	"linux_386", "linux_amd64", "linux_arm", "linux_arm64",
	"windows_386", "windows_amd64", "windows_arm64",
}

// release is a built release in a directory.
type release struct {
	dir     string
	version string
}

// readRelease reads the version from GoReleaser's report of what it built.
func readRelease(dir string) (*release, error) {
	text, err := os.ReadFile(filepath.Join(dir, "metadata.json"))
	if err != nil {
		return nil, err
	}
	var metadata struct{ Version string }
	if err := json.Unmarshal(text, &metadata); err != nil {
		return nil, err
	}
	return &release{dir: dir, version: metadata.Version}, nil
}

// file returns the path of a part of the release: a platform's archive such as
// linux_amd64.zip, SHA256SUMS or manifest.json.
func (r *release) file(part string) string {
	return filepath.Join(r.dir, "terraform-provider-etcd_"+r.version+"_"+part)
}

func (r *release) archive(platform string) string { return r.file(platform + ".zip") }

// checkArchives checks that there is one archive for each platform, that it contains a
// program for that platform under the name that the CLIs look for, and that a bill of the
// modules in the program is beside it.
func (r *release) checkArchives() error {
	found, err := filepath.Glob(r.file("*.zip"))
	if err != nil {
		return err
	}
	var want []string
	for _, platform := range platforms {
		want = append(want, r.archive(platform))
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, found); diff != "" {
		return fmt.Errorf("archives (-want +got):\n%s", diff)
	}
	for _, platform := range platforms {
		if err := errors.Join(r.checkArchive(platform), r.checkBill(platform)); err != nil {
			return fmt.Errorf("%s: %w", r.archive(platform), err)
		}
	}
	return nil
}

func (r *release) checkArchive(platform string) error {
	archive, err := zip.OpenReader(r.archive(platform))
	if err != nil {
		return err
	}
	defer archive.Close()
	name := "terraform-provider-etcd_v" + r.version
	if strings.HasPrefix(platform, "windows_") {
		name += ".exe"
	}
	for _, want := range []string{name, "LICENSE"} {
		if !slices.ContainsFunc(archive.File, func(f *zip.File) bool { return f.Name == want }) {
			return fmt.Errorf("has no %s", want)
		}
	}
	file, err := archive.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	return checkProgram(file, platform)
}

// checkProgram checks what Go has recorded in a program about its build.
func checkProgram(file io.Reader, platform string) error {
	program, err := io.ReadAll(file)
	if err != nil {
		return err
	}
	info, err := buildinfo.Read(bytes.NewReader(program))
	if err != nil {
		return err
	}
	settings := map[string]string{}
	for _, setting := range info.Settings {
		settings[setting.Key] = setting.Value
	}
	if got := settings["GOOS"] + "_" + settings["GOARCH"]; got != platform {
		return fmt.Errorf("contains a program for %s", got)
	}
	if settings["CGO_ENABLED"] != "0" || settings["-trimpath"] != "true" {
		return errors.New("contains a program that needs a C library or contains paths of the build machine")
	}
	return nil
}

// checkBill checks that the bill of a platform's program lists what it was built from, with
// the name and version of each module.
func (r *release) checkBill(platform string) error {
	text, err := os.ReadFile(r.file(platform + ".sbom.json"))
	if err != nil {
		return err
	}
	type component struct{ Name, Version string }
	var bill struct {
		BOMFormat  string `json:"bomFormat"`
		Metadata   struct{ Component component }
		Components []component
	}
	if err := json.Unmarshal(text, &bill); err != nil {
		return err
	}
	subject := component{"github.com/etcdv2/terraform-provider-etcd", "v" + r.version}
	if bill.BOMFormat != "CycloneDX" || bill.Metadata.Component != subject {
		return fmt.Errorf("%s is about %v, want %v", r.file(platform+".sbom.json"), bill.Metadata.Component, subject)
	}
	for _, want := range []string{"github.com/hashicorp/terraform-plugin-framework", "std"} {
		if !slices.ContainsFunc(bill.Components, func(c component) bool { return c.Name == want && c.Version != "" }) {
			return fmt.Errorf("%s does not list %s", r.file(platform+".sbom.json"), want)
		}
	}
	return nil
}

// checkManifest checks the file from which the registry reads the protocol version.
func (r *release) checkManifest() error {
	text, err := os.ReadFile("terraform-registry-manifest.json")
	if err != nil {
		return err
	}
	type metadata struct {
		Protocols []string `json:"protocol_versions"`
	}
	type manifest struct {
		Version  int      `json:"version"`
		Metadata metadata `json:"metadata"`
	}
	var got manifest
	if err := json.Unmarshal(text, &got); err != nil {
		return err
	}
	if diff := cmp.Diff(manifest{Version: 1, Metadata: metadata{Protocols: []string{"6.0"}}}, got); diff != "" {
		return fmt.Errorf("manifest (-want +got):\n%s", diff)
	}
	return nil
}

// checkSums checks that the checksum file covers the archives and the manifest, and nothing
// else. Only in the release does the manifest have its own name.
func (r *release) checkSums() error {
	want := map[string]string{}
	for _, platform := range platforms {
		if err := addSum(want, r.archive(platform), r.archive(platform)); err != nil {
			return err
		}
	}
	if err := addSum(want, r.file("manifest.json"), "terraform-registry-manifest.json"); err != nil {
		return err
	}
	file, err := os.Open(r.file("SHA256SUMS"))
	if err != nil {
		return err
	}
	defer file.Close()
	got := map[string]string{}
	for lines := bufio.NewScanner(file); lines.Scan(); {
		sum, name, _ := strings.Cut(lines.Text(), "  ")
		got[name] = sum
	}
	if diff := cmp.Diff(want, got); diff != "" {
		return fmt.Errorf("SHA256SUMS (-want +got):\n%s", diff)
	}
	return nil
}

func addSum(sums map[string]string, name, path string) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(content)
	sums[filepath.Base(name)] = hex.EncodeToString(sum[:])
	return nil
}
