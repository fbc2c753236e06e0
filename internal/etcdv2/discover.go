package etcdv2

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
)

// Resolver looks up SRV records. [net.Resolver] is one.
type Resolver interface {
	LookupSRV(ctx context.Context, service, proto, name string) (cname string, addrs []*net.SRV, err error)
}

// SRVOptions are the options of [DiscoverSRV].
type SRVOptions struct {
	// Resolver answers the lookups. Nil means the system's resolver.
	Resolver Resolver
	// ServerName is the name that the certificate of every endpoint is checked
	// against. Empty means that it is the endpoint's host, and then that host
	// has to be below the domain: whoever can forge a record could otherwise
	// lead credentials to a host with a certificate of its own.
	ServerName string
}

// SRVRecord is one endpoint that a domain's SRV records name.
type SRVRecord struct {
	// Target is the host, without a trailing dot.
	Target string
	Port   uint16
	// Priority orders the records, the lowest first; Weight those of equal
	// priority, the highest first.
	Priority uint16
	Weight   uint16
	// TLS reports whether the record is one of _etcd-client-ssl.
	TLS bool
}

// Endpoint returns the client URL that the record names.
func (r SRVRecord) Endpoint() string {
	scheme := "http"
	if r.TLS {
		scheme = "https"
	}
	return scheme + "://" + net.JoinHostPort(r.Target, strconv.Itoa(int(r.Port)))
}

// DiscoverSRV looks up the client endpoints of a domain: the records of
// _etcd-client-ssl._tcp or, only if there is none, of _etcd-client._tcp, by
// priority and weight. The error says which lookups failed; a domain with
// neither record is an error.
func DiscoverSRV(ctx context.Context, domain string, o SRVOptions) ([]SRVRecord, error) {
	domain = strings.TrimSuffix(domain, ".")
	if domain == "" {
		return nil, errors.New("the domain for SRV discovery is empty")
	}
	secure, err := lookupSRV(ctx, "etcd-client-ssl", domain, o)
	if err != nil {
		// Going on without TLS is right only where there is no TLS.
		return nil, err
	}
	if len(secure) > 0 {
		if err := checkTargets(secure, domain, o); err != nil {
			return nil, err
		}
		return secure, nil
	}
	plain, err := lookupSRV(ctx, "etcd-client", domain, o)
	if err != nil {
		return nil, err
	}
	if len(plain) == 0 {
		return nil, fmt.Errorf("domain %s has neither _etcd-client-ssl._tcp nor _etcd-client._tcp records", domain)
	}
	return plain, nil
}

// lookupSRV returns the records of one service, none if it has none.
func lookupSRV(ctx context.Context, service, domain string, o SRVOptions) ([]SRVRecord, error) {
	resolver := o.Resolver
	if resolver == nil {
		resolver = net.DefaultResolver
	}
	_, addrs, err := resolver.LookupSRV(ctx, service, "tcp", domain)
	var dnsErr *net.DNSError
	if errors.As(err, &dnsErr) && dnsErr.IsNotFound {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("looking up _%s._tcp.%s: %w", service, domain, err)
	}
	var records []SRVRecord
	for _, addr := range addrs {
		// A target of "." says that the service is decidedly not there.
		if target := strings.TrimSuffix(addr.Target, "."); target != "" {
			records = append(records, SRVRecord{
				Target: target, Port: addr.Port, Priority: addr.Priority, Weight: addr.Weight,
				TLS: service == "etcd-client-ssl",
			})
		}
	}
	slices.SortFunc(records, func(a, b SRVRecord) int {
		return cmp.Or(cmp.Compare(a.Priority, b.Priority), cmp.Compare(b.Weight, a.Weight),
			cmp.Compare(a.Target, b.Target), cmp.Compare(a.Port, b.Port))
	})
	return records, nil
}

// checkTargets refuses targets outside the domain whose certificates would be
// checked against a name that the record itself chose.
func checkTargets(records []SRVRecord, domain string, o SRVOptions) error {
	if o.ServerName != "" {
		return nil
	}
	suffix := "." + strings.ToLower(domain)
	for _, record := range records {
		if !strings.HasSuffix("."+strings.ToLower(record.Target), suffix) {
			return fmt.Errorf("the record of _etcd-client-ssl._tcp.%s names %s, which is outside of the domain: "+
				"set the TLS server name to the name in the certificates", domain, record.Target)
		}
	}
	return nil
}
