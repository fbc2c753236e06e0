// Package oss replaces Terraform's oss backend, which the tests never use and whose SDK is large.
package oss

import "github.com/hashicorp/terraform/internal/backend"

// New panics: this build of Terraform has no oss backend.
func New() backend.Backend { panic("the oss backend is not built into this terraform") }
