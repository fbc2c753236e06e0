package tfserver

import (
	"slices"
	"strings"
)

// sdkLogs are the variables that set the levels of the SDK's own loggers.
var sdkLogs = []string{"TF_LOG_SDK", "TF_LOG_SDK_FRAMEWORK", "TF_LOG_SDK_PROTO"}

// providerLogs are the other variables that turn on logs of a provider.
var providerLogs = []string{"TF_LOG", "TF_LOG_PROVIDER", "TF_LOG_PROVIDER_ETCD"}

// QuietLogs turns the logs of the SDK off unless one of the variables that turn on logs of
// a provider is set. Otherwise the SDK formats a line for every step of every call, and
// the CLI discards them all.
func QuietLogs(lookup func(string) (string, bool), set func(name, value string) error) error {
	if LogsWanted(lookup) {
		return nil
	}
	for _, name := range sdkLogs {
		if err := set(name, "OFF"); err != nil {
			return err
		}
	}
	return nil
}

// LogsWanted reports whether the environment asks for logs of a provider.
func LogsWanted(lookup func(string) (string, bool)) bool {
	for _, name := range slices.Concat(providerLogs, sdkLogs) {
		if level, _ := lookup(name); level != "" && !strings.EqualFold(level, "off") {
			return true
		}
	}
	return false
}
