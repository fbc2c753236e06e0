// Package gcs replaces Terraform's gcs backend, which the tests never use and whose SDK is large.
package gcs

import "github.com/hashicorp/terraform/internal/backend"

// New panics: this build of Terraform has no gcs backend.
func New() backend.Backend { panic("the gcs backend is not built into this terraform") }
