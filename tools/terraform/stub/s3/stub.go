// Package s3 replaces Terraform's s3 backend, which the tests never use and whose SDK is large.
package s3

import "github.com/hashicorp/terraform/internal/backend"

// New panics: this build of Terraform has no s3 backend.
func New() backend.Backend { panic("the s3 backend is not built into this terraform") }
