package etcdv2

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// EndpointsError lists the endpoints and why each gave no answer of the v2 API. It is
// what each of its errors is, and ErrUnavailable if one of them gave no answer at
// all.
type EndpointsError struct {
	Errors []EndpointError
}

// EndpointError is why one endpoint gave no answer.
type EndpointError struct {
	Endpoint string
	Err      error
}

// add adds an endpoint, and makes the list of a nil e.
func (e *EndpointsError) add(endpoint *url.URL, err error) *EndpointsError {
	if e == nil {
		e = new(EndpointsError)
	}
	var single *EndpointsError
	if errors.As(err, &single) && len(single.Errors) == 1 {
		err = single.Errors[0].Err
	}
	e.Errors = append(e.Errors, EndpointError{Endpoint: endpoint.String(), Err: err})
	return e
}

// unanswered names the endpoint of a request that was sent to it. A read is
// ErrUnavailable then; of a write that is not what matters.
func (e *EndpointsError) unanswered(endpoint *url.URL, r *request, err error) error {
	if isAnswer(err) {
		return err
	}
	e = e.add(endpoint, err)
	if r.replay == replayRead {
		return e
	}
	return fmt.Errorf("%s: %w", endpoint, err)
}

// Error names each endpoint and why it gave no answer.
func (e *EndpointsError) Error() string {
	parts := make([]string, len(e.Errors))
	for i, failed := range e.Errors {
		parts[i] = failed.Err.Error()
		if !strings.HasPrefix(parts[i], failed.Endpoint) {
			parts[i] = failed.Endpoint + ": " + parts[i]
		}
	}
	what := ErrUnavailable.Error()
	if e.areAnswers() {
		what = "no endpoint serves the request"
	}
	return what + ": " + strings.Join(parts, "; ")
}

// areAnswers reports whether every endpoint answered, though not as a server that
// takes the request does.
func (e *EndpointsError) areAnswers() bool {
	return !slices.ContainsFunc(e.Errors, func(failed EndpointError) bool {
		apiErr, ok := errors.AsType[*Error](failed.Err)
		return !isAnswer(failed.Err) || (ok && apiErr.Status >= http.StatusInternalServerError && apiErr.Status != http.StatusNotImplemented)
	})
}

func isAnswer(err error) bool {
	_, isAPIError := errors.AsType[*Error](err)
	return isAPIError || errors.Is(err, ErrInvalidAnswer)
}

// Unwrap returns ErrUnavailable, unless each endpoint answered, and the error of
// each endpoint.
func (e *EndpointsError) Unwrap() []error {
	var errs []error
	if !e.areAnswers() {
		errs = append(errs, ErrUnavailable)
	}
	for _, failed := range e.Errors {
		errs = append(errs, failed.Err)
	}
	return errs
}
