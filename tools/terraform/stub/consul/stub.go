// Package consul replaces Terraform's consul backend, which the tests never use and whose SDK is large.
package consul

import "github.com/hashicorp/terraform/internal/backend"

// New panics: this build of Terraform has no consul backend.
func New() backend.Backend { panic("the consul backend is not built into this terraform") }
