// Package cos replaces Terraform's cos backend, which the tests never use and whose SDK is large.
package cos

import "github.com/hashicorp/terraform/internal/backend"

// New panics: this build of Terraform has no cos backend.
func New() backend.Backend { panic("the cos backend is not built into this terraform") }
