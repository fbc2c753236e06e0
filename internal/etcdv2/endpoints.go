package etcdv2

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"sync"
)

// endpointSet is the ordered endpoints of a client. The first is the one that
// answered last.
type endpointSet struct {
	mu    sync.RWMutex
	urls  []*url.URL
	hosts map[string]bool
	known map[string]bool
}

// ParseEndpoint checks a client URL of a member: http or https with a host,
// without credentials, query or fragment.
func ParseEndpoint(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil {
		// The error of url.Parse quotes the URL, which can hold a password.
		var parseErr *url.Error
		if errors.As(err, &parseErr) {
			err = parseErr.Err
		}
		return nil, fmt.Errorf("endpoint is not a URL: %w", err)
	}
	switch {
	case u.User != nil:
		return nil, fmt.Errorf("endpoint %s holds credentials; give them as username and password", u.Redacted())
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, fmt.Errorf("endpoint %q has no scheme http or https, as in %q", text, DefaultEndpoint)
	case u.Hostname() == "":
		return nil, fmt.Errorf("endpoint %q has no host", text)
	case u.RawQuery != "" || u.Fragment != "" || u.ForceQuery:
		return nil, fmt.Errorf("endpoint %q has a query or a fragment", text)
	}
	return u, nil
}

func newEndpointSet(endpoints []string, selection EndpointSelection) (*endpointSet, error) {
	if !slices.Contains(EndpointSelections(), selection) {
		return nil, fmt.Errorf("endpoint selection is %q, want one of %q", selection, EndpointSelections())
	}
	s := &endpointSet{hosts: map[string]bool{}, known: map[string]bool{}}
	for _, text := range endpoints {
		u, err := ParseEndpoint(text)
		if err != nil {
			return nil, err
		}
		s.urls = append(s.urls, u)
		s.hosts[origin(u)] = true
	}
	if selection == SelectRandom {
		rand.Shuffle(len(s.urls), func(i, j int) { s.urls[i], s.urls[j] = s.urls[j], s.urls[i] })
	}
	return s, nil
}

func (s *endpointSet) order() []*url.URL {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.Clone(s.urls)
}

func (s *endpointSet) strings() []string {
	var out []string
	for _, u := range s.order() {
		out = append(out, u.String())
	}
	return out
}

// pin puts the endpoint that answered first.
func (s *endpointSet) pin(endpoint *url.URL) { s.move(endpoint, true) }

// unpin puts an endpoint that failed last.
func (s *endpointSet) unpin(endpoint *url.URL) { s.move(endpoint, false) }

func (s *endpointSet) move(endpoint *url.URL, first bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.Index(s.urls, endpoint)
	if i < 0 || (first && i == 0) {
		return
	}
	s.urls = slices.Delete(s.urls, i, i+1)
	if first {
		s.urls = slices.Insert(s.urls, 0, endpoint)
	} else {
		s.urls = append(s.urls, endpoint)
	}
}

// trusts reports whether a URL is of a configured or synced host, to which
// credentials may be sent.
func (s *endpointSet) trusts(u *url.URL) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.hosts[origin(u)]
}

func (s *endpointSet) verified(u *url.URL) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.known[origin(u)]
}

func (s *endpointSet) verify(u *url.URL) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.known[origin(u)] = true
}

// origin is the scheme, host and port of a URL.
func origin(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return u.Scheme + "://" + strings.ToLower(u.Hostname()) + ":" + port
}
