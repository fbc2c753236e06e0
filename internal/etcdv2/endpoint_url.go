package etcdv2

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// ParseEndpoint checks a client URL of a member: http or https with a host,
// with no port or one between 1 and 65535, without credentials, query or fragment.
func ParseEndpoint(text string) (*url.URL, error) {
	if address, ok := addressWithoutScheme(text); ok {
		return nil, fmt.Errorf("endpoint %q has no scheme http or https: write http://%s, or https://%[2]s if the server uses TLS", text, address)
	}
	u, err := url.Parse(text)
	if err != nil {
		// The error of url.Parse quotes the URL, which can contain a password.
		if parseErr, ok := errors.AsType[*url.Error](err); ok {
			err = parseErr.Err
		}
		return nil, fmt.Errorf("endpoint is not a URL: %w", err)
	}
	if u.User == nil && strings.Contains(text, "@") {
		// Without its slashes "user:password@host" is a URL with a scheme of its own.
		return nil, fmt.Errorf("endpoint contains an @, as credentials do; write it as in %q, and give those as username and password",
			DefaultEndpoint)
	}
	switch {
	case u.User != nil:
		return nil, fmt.Errorf("endpoint %s contains credentials; give them as username and password", u.Redacted())
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, fmt.Errorf("endpoint %q has no scheme http or https, as in %q", text, DefaultEndpoint)
	case u.Hostname() == "":
		return nil, fmt.Errorf("endpoint %q has no host", text)
	case u.Port() != "" && !isPort(u.Port()):
		return nil, fmt.Errorf("endpoint %q has a port that is not between 1 and 65535", text)
	case u.RawQuery != "" || u.Fragment != "" || u.ForceQuery:
		return nil, fmt.Errorf("endpoint %q has a query or a fragment", text)
	case containsAPIPath(u.Path):
		return nil, fmt.Errorf("endpoint %q ends in the path of the v2 API, which is added to every endpoint: leave out /v2 and what follows it",
			text)
	}
	return u, nil
}

// addressWithoutScheme returns the host and port that a text without a scheme is,
// which url.Parse takes for a scheme, or for the segment of a path.
func addressWithoutScheme(text string) (address string, ok bool) {
	if text == "" || strings.ContainsAny(text, "/@?#% ") {
		return "", false
	}
	if !strings.Contains(text, ":") {
		return text + ":2379", true
	}
	_, port, err := net.SplitHostPort(text)
	return text, err == nil && isPort(port)
}

// isPort reports whether a text is the number of a port that can be dialed.
func isPort(text string) bool {
	port, err := strconv.ParseUint(text, 10, 16)
	return err == nil && port != 0
}

// containsAPIPath reports whether the path of an endpoint has in it where a server
// has its API: a key would be stored below "/v2/keys" in the key space itself.
func containsAPIPath(path string) bool {
	segments := slices.DeleteFunc(strings.Split(path, "/"), func(segment string) bool { return segment == "" })
	for i, segment := range segments {
		if segment == "v2" && (i == len(segments)-1 || slices.Contains([]string{"keys", "members", "auth", "stats", "machines"}, segments[i+1])) {
			return true
		}
	}
	return false
}

// origin is the scheme, host and port of a URL.
func origin(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return u.Scheme + "://" + strings.ToLower(u.Hostname()) + ":" + port
}

func containsOrigin(urls []*url.URL, u *url.URL) bool {
	return slices.ContainsFunc(urls, func(v *url.URL) bool { return origin(v) == origin(u) })
}

// location is the origin and the path of an endpoint: behind one gateway, each
// path can lead to another server.
func location(u *url.URL) string { return origin(u) + strings.TrimRight(u.EscapedPath(), "/") }

func containsLocation(urls []*url.URL, u *url.URL) bool {
	return slices.ContainsFunc(urls, func(v *url.URL) bool { return location(v) == location(u) })
}

// isAmong reports whether one of the texts is the URL of an endpoint.
func isAmong(texts []string, u *url.URL) bool {
	return slices.ContainsFunc(texts, func(text string) bool {
		v, err := ParseEndpoint(text)
		return err == nil && location(v) == location(u)
	})
}

// isLoopback reports whether a URL leads to the machine that uses it.
func isLoopback(u *url.URL) bool {
	host := strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
	ip := net.ParseIP(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || (ip != nil && ip.IsLoopback())
}

// isUnspecified reports whether a URL's host is an address to listen on, such
// as 0.0.0.0, which leads a client to its own machine.
func isUnspecified(u *url.URL) bool {
	ip := net.ParseIP(u.Hostname())
	return ip != nil && ip.IsUnspecified()
}
