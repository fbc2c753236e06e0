package etcdtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Certs are the certificates of a server with TLS.
type Certs struct {
	// CA has signed Server and Client.
	CA *Authority
	// OtherCA is unrelated to the server, which rejects certificates signed by it.
	OtherCA *Authority
	// Server is the certificate that the server presents, for 127.0.0.1 and localhost.
	Server *KeyPair
	// Client is a client certificate that the server accepts.
	Client *KeyPair
}

// KeyPair is a certificate with its private key, as files and as PEM.
type KeyPair struct {
	CertFile, KeyFile string
	CertPEM, KeyPEM   []byte
}

// Authority is a certificate authority, as a file and as PEM.
type Authority struct {
	CertFile string
	CertPEM  []byte

	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	dir  string
}

// NewCerts creates two authorities, and a server and a client certificate signed by the
// first. The client certificate has the given common name.
func NewCerts(tb testing.TB, commonName string) *Certs {
	tb.Helper()

	ca := newAuthority(tb, "etcdtest CA")

	return &Certs{
		CA:      ca,
		OtherCA: newAuthority(tb, "etcdtest other CA"),
		Server:  ca.Issue(tb, "etcdtest server"),
		Client:  ca.Issue(tb, commonName),
	}
}

// ClientConfig returns a TLS configuration that trusts CA and presents Client.
func (c *Certs) ClientConfig(tb testing.TB) *tls.Config {
	tb.Helper()

	pair, err := tls.X509KeyPair(c.Client.CertPEM, c.Client.KeyPEM)
	if err != nil {
		tb.Fatal(err)
	}

	roots := x509.NewCertPool()
	roots.AddCert(c.CA.cert)

	return &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots, Certificates: []tls.Certificate{pair}}
}

func newAuthority(tb testing.TB, name string) *Authority {
	tb.Helper()

	template := newTemplate(tb, name)
	template.IsCA = true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign

	key := newKey(tb)
	a := &Authority{key: key, dir: tb.TempDir()}

	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		tb.Fatal(err)
	}

	if a.cert, err = x509.ParseCertificate(der); err != nil {
		tb.Fatal(err)
	}

	a.CertPEM = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	a.CertFile = writeFile(tb, a.dir, "ca.pem", a.CertPEM)

	return a
}

// Issue signs a certificate with the given common name that works as a client certificate
// and as a server certificate for 127.0.0.1 and localhost.
func (a *Authority) Issue(tb testing.TB, commonName string) *KeyPair {
	tb.Helper()

	template := newTemplate(tb, commonName)
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	template.DNSNames = []string{"localhost"}
	template.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}

	key := newKey(tb)

	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	if err != nil {
		tb.Fatal(err)
	}

	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		tb.Fatal(err)
	}

	pair := &KeyPair{
		CertPEM: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		KeyPEM:  pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}),
	}
	name := template.SerialNumber.Text(36)
	pair.CertFile = writeFile(tb, a.dir, name+".pem", pair.CertPEM)
	pair.KeyFile = writeFile(tb, a.dir, name+"-key.pem", pair.KeyPEM)

	return pair
}

func newTemplate(tb testing.TB, commonName string) *x509.Certificate {
	tb.Helper()

	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		tb.Fatal(err)
	}

	return &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: commonName},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(24 * time.Hour),
		BasicConstraintsValid: true,
	}
}

func newKey(tb testing.TB) *ecdsa.PrivateKey {
	tb.Helper()

	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}

	return key
}

func writeFile(tb testing.TB, dir, name string, content []byte) string {
	tb.Helper()

	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		tb.Fatal(err)
	}

	return path
}
