// Package kubernetes replaces Terraform's kubernetes backend, which the tests never use and whose SDK is large.
package kubernetes

import "github.com/hashicorp/terraform/internal/backend"

// New panics: this build of Terraform has no kubernetes backend.
func New() backend.Backend { panic("the kubernetes backend is not built into this terraform") }
