package provider

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
)

// tlsOptions is where the parts of a TLS configuration come from. Of each
// pair at most one is set.
type tlsOptions struct {
	caFile, caPEM      string
	certFile, certPEM  string
	keyFile, keyPEM    string
	serverName         string
	insecureSkipVerify bool
}

// config loads the parts. Its errors name files, and quote nothing of them.
func (o tlsOptions) config() (*tls.Config, error) {
	out := &tls.Config{
		MinVersion:         tls.VersionTLS12,
		ServerName:         o.serverName,
		InsecureSkipVerify: o.insecureSkipVerify, //nolint:gosec // what the practitioner asked for, and documented as such
	}
	ca, err := fileOr(o.caFile, o.caPEM, "CA certificates")
	if err != nil {
		return nil, err
	}
	if ca != nil {
		out.RootCAs = x509.NewCertPool()
		if !out.RootCAs.AppendCertsFromPEM(ca) {
			return nil, errors.New("the CA certificates hold no certificate in PEM form")
		}
	}
	cert, err := fileOr(o.certFile, o.certPEM, "client certificate")
	if err != nil {
		return nil, err
	}
	key, err := fileOr(o.keyFile, o.keyPEM, "private key")
	if err != nil || cert == nil {
		return out, err
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, fmt.Errorf("the client certificate and its private key cannot be used: %w", err)
	}
	out.Certificates = []tls.Certificate{pair}
	return out, nil
}

// fileOr returns what is in the file, or the text, or nil if both are empty.
func fileOr(file, text, what string) ([]byte, error) {
	switch {
	case file != "":
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("the %s cannot be read: %w", what, err)
		}
		return data, nil
	case text != "":
		return []byte(text), nil
	default:
		return nil, nil
	}
}
