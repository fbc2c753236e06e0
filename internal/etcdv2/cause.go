package etcdv2

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"syscall"
)

// The causes of a failure that the client can name beyond what the server says.
// An error is one of them, for errors.Is, in addition to what it is without a
// cause; [ExplainedError] adds them.
var (
	// ErrServerSpeaksTLS: the endpoint begins with http://, and the server expects TLS.
	ErrServerSpeaksTLS = errors.New("the server speaks TLS")
	// ErrServerSpeaksPlain: the endpoint begins with https://, and the server does not speak TLS.
	ErrServerSpeaksPlain = errors.New("the server does not speak TLS")
	// ErrUnknownAuthority: no authority that the client trusts has signed the server's certificate.
	ErrUnknownAuthority = errors.New("the server's certificate is signed by an unknown authority")
	// ErrServerName: the server's certificate is valid for other names than the endpoint's host.
	ErrServerName = errors.New("the server's certificate is not valid for this host")
	// ErrServerCert: the server's certificate is expired, or not valid for another reason.
	ErrServerCert = errors.New("the server's certificate is not valid")
	// ErrCertRequired: the server asks for a client certificate, and the client has none.
	ErrCertRequired = errors.New("the server requires a client certificate")
	// ErrCertRefused: the server does not accept the client's certificate.
	ErrCertRefused = errors.New("the server does not accept the client certificate")
	// ErrGRPCOnly: the endpoint speaks HTTP/2 only, as a port of etcd for gRPC does.
	ErrGRPCOnly = errors.New("the endpoint serves gRPC only")
	// ErrPeerPort: the endpoint is the port that the members of a cluster use among themselves.
	ErrPeerPort = errors.New("the endpoint is a peer URL")
	// ErrV2Removed: the server is etcd 3.6 or newer.
	ErrV2Removed = errors.New("etcd 3.6 and newer have no v2 API")
	// ErrWrongPath: etcd answers at the endpoint's host, but not below the endpoint's path.
	ErrWrongPath = errors.New("etcd does not answer below the path of the endpoint")
	// ErrNotEtcd: something else than etcd answers.
	ErrNotEtcd = errors.New("the endpoint is not an etcd server")
	// ErrPage: the answer is an HTML page, as of a gateway or a login form.
	ErrPage = errors.New("the answer is an HTML page")
	// ErrUnknownHost: the name of the endpoint's host cannot be resolved.
	ErrUnknownHost = errors.New("the host name cannot be resolved")
	// ErrConnectionRefused: nothing listens at the endpoint's port.
	ErrConnectionRefused = errors.New("nothing listens at the endpoint")
	// ErrTimeout: the endpoint did not answer in time.
	ErrTimeout = errors.New("the endpoint did not answer in time")
	// ErrNoCredentials: the server requires authentication, and the client has no username.
	ErrNoCredentials = errors.New("the request was sent without a username")
	// ErrWrongPassword: the user root was refused, which has every right.
	ErrWrongPassword = errors.New("the password of the user root is wrong")
	// ErrNotPermitted: the user's roles do not permit the request. The same
	// credentials were accepted before.
	ErrNotPermitted = errors.New("no role of the user permits it")
)

// ExplainedError is an error whose causes the client has found out.
type ExplainedError struct {
	// Err is the error without the causes.
	Err error
	// Causes are distinct, in the order of the endpoints.
	Causes []error
}

// Error returns the text of Err, followed by the causes that it does not show.
func (e *ExplainedError) Error() string {
	var b strings.Builder
	b.WriteString(e.Err.Error())
	for _, cause := range e.Causes {
		if slices.Contains(hiddenCauses, cause) {
			fmt.Fprintf(&b, " (%s)", cause)
		}
	}
	return b.String()
}

// hiddenCauses are those that the text of an error does not show: "EOF", or a
// status.
var hiddenCauses = []error{
	ErrServerSpeaksTLS, ErrServerSpeaksPlain, ErrGRPCOnly, ErrPeerPort, ErrV2Removed, ErrWrongPath, ErrNotEtcd, ErrNoCredentials,
}

// Unwrap returns the error and its causes.
func (e *ExplainedError) Unwrap() []error { return append([]error{e.Err}, e.Causes...) }

// causeOf returns the cause that an error shows by itself, or nil. showsCert
// reports whether the client has a certificate.
func causeOf(err error, showsCert bool) error {
	if cause := tlsCauseOf(err, showsCert); cause != nil {
		return cause
	}
	if errors.Is(err, ErrPage) {
		return nil // Its text says so.
	}
	if apiErr, ok := errors.AsType[*Error](err); ok {
		return apiErr.cause()
	}
	var dns *net.DNSError
	var timeout net.Error
	switch {
	case isHTTP2(err):
		return ErrGRPCOnly
	case errors.As(err, &dns):
		return ErrUnknownHost
	case errors.Is(err, syscall.ECONNREFUSED):
		return ErrConnectionRefused
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return ErrTimeout
	default:
		return nil
	}
}

// tlsCauseOf is causeOf for failures of the TLS handshake.
func tlsCauseOf(err error, showsCert bool) error {
	var authority x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	var record tls.RecordHeaderError
	switch {
	case errors.As(err, &authority):
		return ErrUnknownAuthority
	case errors.As(err, &host):
		return ErrServerName
	case errors.As(err, &invalid):
		return ErrServerCert
	case errors.As(err, &record):
		return ErrServerSpeaksPlain
	case isTLSRecord(err):
		return ErrServerSpeaksTLS
	case isCertificateAlert(err) && showsCert:
		return ErrCertRefused
	case isCertificateAlert(err):
		return ErrCertRequired
	default:
		return nil
	}
}

// cause returns the cause that an answer shows by itself, or nil.
func (e *Error) cause() error {
	switch {
	case e.Status == http.StatusBadRequest && saysHTTPS(e.Message):
		return ErrServerSpeaksTLS
	case errors.Is(e.kind, ErrUnauthorized) && e.User == "":
		return ErrNoCredentials
	case errors.Is(e.kind, ErrUnauthorized) && e.User == RootUser:
		return ErrWrongPassword
	default:
		return nil
	}
}
