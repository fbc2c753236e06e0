package etcdv2_test

import (
	"crypto/tls"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

// tlsClient returns a client of one endpoint that does not try again.
func tlsClient(t *testing.T, endpoint string, o etcdv2.TLSOptions) *etcdv2.Client {
	t.Helper()
	config := must[*tls.Config](t)(o.Config())
	return must[*etcdv2.Client](t)(etcdv2.New(etcdv2.Options{Endpoints: []string{endpoint}, TLS: config}))
}

func TestTLSOptions_realServer(t *testing.T) {
	t.Parallel()
	s := etcdtest.Start(t, etcdtest.WithClientCerts("client"))
	read := func(file string) string { return string(must[[]byte](t)(os.ReadFile(file))) }
	c := s.Certs
	for name, test := range map[string]struct {
		options etcdv2.TLSOptions
		wantErr bool
	}{
		"files": {options: etcdv2.TLSOptions{CAFile: c.CA.CertFile, CertFile: c.Client.CertFile, KeyFile: c.Client.KeyFile}},
		"text": {options: etcdv2.TLSOptions{
			CAPEM: read(c.CA.CertFile), CertPEM: read(c.Client.CertFile), KeyPEM: read(c.Client.KeyFile),
		}},
		"one text for certificate and key": {options: etcdv2.TLSOptions{
			CAFile:  c.CA.CertFile,
			CertPEM: read(c.Client.CertFile) + read(c.Client.KeyFile), KeyPEM: read(c.Client.CertFile) + read(c.Client.KeyFile),
		}},
		"no client certificate": {options: etcdv2.TLSOptions{CAFile: c.CA.CertFile}, wantErr: true},
		"another authority": {options: etcdv2.TLSOptions{
			CAFile: c.OtherCA.CertFile, CertFile: c.Client.CertFile, KeyFile: c.Client.KeyFile,
		}, wantErr: true},
		"another name": {options: etcdv2.TLSOptions{
			CAFile: c.CA.CertFile, CertFile: c.Client.CertFile, KeyFile: c.Client.KeyFile, ServerName: "elsewhere.example",
		}, wantErr: true},
		"no verification": {options: etcdv2.TLSOptions{
			CertFile: c.Client.CertFile, KeyFile: c.Client.KeyFile, InsecureSkipVerify: true,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := tlsClient(t, s.URL(), test.options)
			_, err := client.Keys.Set(t.Context(), etcdtest.Prefix(t)+"/k", "v", etcdv2.WriteOptions{})
			if (err != nil) != test.wantErr {
				t.Errorf("Set() error = %v, want an error: %t", err, test.wantErr)
			}
			if test.wantErr && (!errors.Is(err, etcdv2.ErrUnavailable) || errors.Is(err, etcdv2.ErrOutcomeUnknown)) {
				t.Errorf("Set() error = %v, want %v and a definite outcome", err, etcdv2.ErrUnavailable)
			}
		})
	}
}

func TestTLSOptions_invalid(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		options etcdv2.TLSOptions
		want    string
	}{
		"file and text":           {etcdv2.TLSOptions{CAFile: "a", CAPEM: "b"}, "both as a file and as text"},
		"certificate without key": {etcdv2.TLSOptions{CertPEM: "secret"}, "needs its private key"},
		"key without certificate": {etcdv2.TLSOptions{KeyPEM: "secret"}, "needs its private key"},
		"missing file":            {etcdv2.TLSOptions{CAFile: "/nowhere/ca.pem"}, "/nowhere/ca.pem"},
		"not PEM":                 {etcdv2.TLSOptions{CAPEM: "secret"}, "no certificate in PEM form"},
		"pair is not PEM":         {etcdv2.TLSOptions{CertPEM: "secret", KeyPEM: "secret"}, "cannot be used"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := test.options.Config()
			if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "secret") {
				t.Errorf("Config() error = %v, want %q and nothing quoted", err, test.want)
			}
		})
	}
}

func TestParseEndpoint_quotesNoCredentials(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"user:hush@host:2379", "http://user:hush@host:2379", "http:user:hush@host", "//user:hush@host"} {
		if _, err := etcdv2.ParseEndpoint(text); err == nil || strings.Contains(err.Error(), "hush") {
			t.Errorf("ParseEndpoint(%q) error = %v, want one without the password", text, err)
		}
	}
}
