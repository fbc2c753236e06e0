package provider

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
	"github.com/etcdv2/terraform-provider-etcd/internal/keyspace"
)

// ttlRange words the range of isTTL for descriptions.
var ttlRange = fmt.Sprintf("1 to %d", etcdv2.MaxTTL)

// textCheck validates a string by a function that other code uses too.
type textCheck struct {
	summary string
	wants   string
	check   func(string) error
}

func (v textCheck) Description(context.Context) string { return v.wants }

func (v textCheck) MarkdownDescription(context.Context) string { return v.wants }

func (v textCheck) ValidateString(_ context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	if err := v.check(req.ConfigValue.ValueString()); err != nil {
		resp.Diagnostics.AddAttributeError(req.Path, v.summary, sentence(err))
	}
}

// isPath accepts the path of a key or directory by the client's own rule.
func isPath() validator.String {
	return textCheck{"Invalid path", "must be the path of a key or directory, such as /app/config", etcdv2.CheckKey}
}

// isHiddenPath accepts what isPath does, if no listing of the root shows it.
func isHiddenPath() validator.String {
	return textCheck{"Path is not hidden", "must be the path of a hidden key or directory, such as /app/_lock", checkHiddenPath}
}

// isValue accepts what a server takes as a value and gives back.
func isValue() validator.String {
	return textCheck{"Invalid value", "must be UTF-8 text of about 10 MiB at most", etcdv2.CheckValue}
}

// isPrefix accepts what isPath does, and an empty text for none.
func isPrefix() validator.String {
	return textCheck{"Invalid path", "must be the path of a directory, such as /team-a, or empty", func(text string) error {
		if text == "" {
			return nil
		}
		return etcdv2.CheckKey(text)
	}}
}

// isDir accepts what isPath does, and the root.
func isDir() validator.String {
	return textCheck{"Invalid path", "must be the path of a directory, such as /app or /", etcdv2.CheckDir}
}

func isEndpoint() validator.String {
	return textCheck{"Invalid endpoint", "must be a URL such as " + etcdv2.DefaultEndpoint, checkEndpoint}
}

// isPeerURL accepts the peer URL of a member by the client's own rule.
func isPeerURL() validator.String {
	return textCheck{"Invalid peer URL", "must have the form scheme://host:port, such as http://10.0.0.2:2380", checkPeerURL}
}

func isDuration() validator.String {
	return textCheck{"Invalid duration", "must be a duration of more than zero, such as 500ms or 20s", checkDuration}
}

func isRegexp() validator.String {
	return textCheck{"Invalid regular expression", "must be a regular expression in the syntax of RE2", checkRegexp}
}

func isProxyURL() validator.String {
	return textCheck{"Invalid proxy URL", "must be a URL with the scheme http, https or socks5", etcdv2.CheckProxyURL}
}

func isClusterID() validator.String {
	return textCheck{"Invalid cluster id", "must be 1 to 16 hexadecimal digits", checkClusterID}
}

func validLogin() validator.String {
	return textCheck{"Invalid username", "must contain no colon", checkUsername}
}

// isTTL accepts what a server takes as a TTL and keeps to.
func isTTL() validator.Int64 { return int64validator.Between(1, etcdv2.MaxTTL) }

// fitsTTL reports whether isTTL accepts a TTL, or there is none.
func fitsTTL(ttl types.Int64) bool {
	return ttl.IsNull() || 1 <= ttl.ValueInt64() && ttl.ValueInt64() <= etcdv2.MaxTTL
}

func checkHiddenPath(s string) error {
	if err := etcdv2.CheckKey(s); err != nil {
		return err
	}
	if keyspace.HiddenRoot(strings.TrimPrefix(s, "/")) == "" {
		return fmt.Errorf("no segment of %q begins with an underscore, so listings show it and it is counted", s)
	}
	return nil
}

func checkEndpoint(s string) error {
	_, err := etcdv2.ParseEndpoint(s)
	return err
}

func checkPeerURL(s string) error { return etcdv2.CheckPeerURLs([]string{s}) }

func checkDuration(s string) error {
	_, err := parseDuration(s)
	return err
}

func parseDuration(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if err != nil {
		return 0, fmt.Errorf("%q is not a duration; write a number with a unit, such as 500ms, 20s or 1m30s", s)
	}
	if d <= 0 {
		return 0, fmt.Errorf("the duration %q is not more than zero", s)
	}
	return d, nil
}

// durationOr returns a duration, or the default of one that is null.
func durationOr(v types.String, otherwise time.Duration) (time.Duration, error) {
	if v.IsNull() {
		return otherwise, nil
	}
	return parseDuration(v.ValueString())
}

// shortDuration writes a duration without the units that are zero at its end.
func shortDuration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

func checkRegexp(s string) error {
	_, err := regexp.Compile(s)
	return err
}

func checkClusterID(s string) error {
	padded := strings.Repeat("0", len(s)%2) + s
	if _, err := hex.DecodeString(padded); err != nil || s == "" || len(s) > 16 {
		return fmt.Errorf("%q is not a cluster id; copy the header X-Etcd-Cluster-Id, such as cdf818194e3a8c32", s)
	}
	return nil
}

func checkUsername(s string) error {
	if strings.Contains(s, ":") {
		return errors.New("a username cannot contain a colon; the password has an attribute of its own")
	}
	return nil
}

// sentence makes an error the text of a diagnostic.
func sentence(err error) string {
	s := err.Error()
	if s == "" {
		return s
	}
	s = strings.ToUpper(s[:1]) + s[1:]
	if !strings.HasSuffix(s, ".") {
		s += "."
	}
	return s
}
