package examples_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
)

// lockedDown is the scene of the example about teams.
var lockedDown = scene{
	env: []string{
		"TF_VAR_root_password=root-password",
		`TF_VAR_passwords={"ann":"ann-password","ben":"ben-password","cleo":"cleo-password"}`,
	},
	files: func(t *testing.T, r *run) {
		t.Helper()
		r.server.SetCredentials("root", "root-password")
	},
	check: teams,
}

// teams checks the access of each user after the store was locked down, with requests that
// do not go through the provider.
func teams(t *testing.T, r *run) {
	t.Helper()

	for _, test := range []struct {
		user, method, key string
		want              int
	}{
		{"", http.MethodPut, "/anything", http.StatusUnauthorized},
		{"", http.MethodGet, "/teams/payments", http.StatusUnauthorized},
		{"", http.MethodGet, "/public/notice", http.StatusOK},
		{"", http.MethodPut, "/public/notice", http.StatusUnauthorized},
		{"ann", http.MethodPut, "/teams/payments/limit", http.StatusCreated},
		{"ben", http.MethodGet, "/teams/payments/limit", http.StatusOK},
		{"cleo", http.MethodGet, "/teams/payments/limit", http.StatusUnauthorized},
		{"cleo", http.MethodPut, "/teams/search/index", http.StatusCreated},
		{"ann", http.MethodPut, "/shared/flag", http.StatusUnauthorized},
		{"root", http.MethodPut, "/shared/flag", http.StatusCreated},
		{"ann", http.MethodGet, "/shared/flag", http.StatusOK},
		{"root", http.MethodDelete, "/shared/flag", http.StatusOK},
	} {
		call := etcdtest.Call{
			Method: test.method, Path: "/v2/keys" + test.key,
			User: test.user, Password: test.user + "-password", Anonymous: test.user == "",
		}
		if test.method == http.MethodPut {
			call.Form = url.Values{"value": {"1"}}
		}
		if got := r.server.Do(t, call).Status; got != test.want {
			t.Errorf("%s %s by %q: status %d, want %d", test.method, test.key, test.user, got, test.want)
		}
	}
	r.PlanEmpty(t)
}
