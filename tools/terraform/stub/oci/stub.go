// Package oci replaces Terraform's oci backend, which the tests never use and whose SDK is large.
package oci

import "github.com/hashicorp/terraform/internal/backend"

// New panics: this build of Terraform has no oci backend.
func New() backend.Backend { panic("the oci backend is not built into this terraform") }
