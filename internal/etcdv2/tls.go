package etcdv2

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
)

// TLSOptions are the sources of a TLS configuration. At most one of each pair of a
// file and a text in PEM may be set.
type TLSOptions struct {
	// CAFile and CAPEM are the certificates of the authorities that servers are
	// checked against. Neither means the system's.
	CAFile, CAPEM string
	// CertFile and CertPEM are the client's certificate, KeyFile and KeyPEM its
	// private key. Neither means that the client shows none.
	CertFile, CertPEM string
	KeyFile, KeyPEM   string
	// ServerName is the name that the servers' certificates must be valid for.
	// Empty means the host of the endpoint.
	ServerName string
	// InsecureSkipVerify accepts any certificate of a server, and so any server.
	InsecureSkipVerify bool
}

// Config loads the parts into a configuration for TLS 1.2 or newer. Its errors
// name files, and do not quote them.
func (o TLSOptions) Config() (*tls.Config, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	out := &tls.Config{
		MinVersion:         tls.VersionTLS12,
		ServerName:         o.ServerName,
		InsecureSkipVerify: o.InsecureSkipVerify, //nolint:gosec // what the caller asked for, and documented as such
	}
	ca, err := fileOr(o.CAFile, o.CAPEM, "CA certificates")
	if err != nil {
		return nil, err
	}
	if ca != nil {
		out.RootCAs = x509.NewCertPool()
		if !out.RootCAs.AppendCertsFromPEM(ca) {
			return nil, errors.New("the CA certificates contain no certificate in PEM form")
		}
	}
	cert, err := fileOr(o.CertFile, o.CertPEM, "client certificate")
	if err != nil {
		return nil, err
	}
	key, err := fileOr(o.KeyFile, o.KeyPEM, "private key")
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

func (o TLSOptions) validate() error {
	switch {
	case o.CAFile != "" && o.CAPEM != "", o.CertFile != "" && o.CertPEM != "", o.KeyFile != "" && o.KeyPEM != "":
		return errors.New("a part of the TLS configuration is given both as a file and as text")
	case (o.CertFile+o.CertPEM == "") != (o.KeyFile+o.KeyPEM == ""):
		return errors.New("a client certificate needs its private key, and a private key its certificate")
	default:
		return nil
	}
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
