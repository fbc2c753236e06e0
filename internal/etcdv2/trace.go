package etcdv2

import (
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"
)

// masked replaces a secret in a trace.
const masked = "xxxxx"

// secretFields are the parameters of the key space that are values.
var secretFields = []string{"value", "prevValue"}

// Exchange is one request and what came of it, for Options.Trace: each hop of a
// redirect and each question of the client's own is one too. It has no value,
// password or header.
type Exchange struct {
	// Method and URL are those of the request; prevValue is masked in the URL.
	Method string
	URL    string
	// Body is the body of the request, with values and passwords masked.
	Body string
	// ContentType is the content type of Body, empty without a body.
	ContentType string
	// Authenticated reports whether credentials were sent.
	Authenticated bool
	// Status is the HTTP status of the answer, 0 without one.
	Status int
	// Duration is the time from the request to its answer.
	Duration time.Duration
	// Err is why there is no answer, or the error that the answer is.
	Err error
}

// Curl returns the request as a curl command that can be run by hand once the
// masked parts are put in.
func (e Exchange) Curl() string {
	parts := []string{"curl", "-X", e.Method}
	if e.Authenticated {
		parts = append(parts, "-u", quote(masked+":"+masked))
	}
	if e.ContentType != "" {
		parts = append(parts, "-H", quote("Content-Type: "+e.ContentType), "-d", quote(e.Body))
	}
	return strings.Join(append(parts, quote(e.URL)), " ")
}

func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

func (c *Client) trace(target *url.URL, r *request, status int, start time.Time, err error) {
	if c.options.Trace == nil {
		return
	}
	shown := *target
	shown.RawQuery = maskValues(target.Query())
	e := Exchange{
		Method: r.method, URL: shown.String(), Status: status, Duration: time.Since(start), Err: err,
		Authenticated: c.options.Username != "" && c.endpoints.trusts(target),
	}
	_, e.ContentType = r.body()
	if e.ContentType != "" {
		e.Body = maskValues(r.form)
	}
	if r.json != nil {
		e.Body = maskPasswords(r.json)
	}
	c.options.Trace(e)
}

func maskValues(v url.Values) string {
	v = maps.Clone(v)
	for _, name := range secretFields {
		if v.Has(name) {
			v.Set(name, masked)
		}
	}
	return v.Encode()
}

func maskPasswords(data []byte) string {
	var body map[string]json.RawMessage
	if err := json.Unmarshal(data, &body); err != nil {
		return masked
	}
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(body)) {
		value := string(body[name])
		if name == "password" {
			value = `"` + masked + `"`
		}
		parts = append(parts, `"`+name+`":`+value)
	}
	return "{" + strings.Join(parts, ",") + "}"
}
