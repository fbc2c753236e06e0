// Package azure replaces Terraform's azure backend, which the tests never use and whose SDK is large.
package azure

import "github.com/hashicorp/terraform/internal/backend"

// New panics: this build of Terraform has no azure backend.
func New() backend.Backend { panic("the azure backend is not built into this terraform") }
