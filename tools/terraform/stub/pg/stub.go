// Package pg replaces Terraform's pg backend, which the tests never use and whose SDK is large.
package pg

import "github.com/hashicorp/terraform/internal/backend"

// New panics: this build of Terraform has no pg backend.
func New() backend.Backend { panic("the pg backend is not built into this terraform") }
