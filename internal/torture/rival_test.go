package torture

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

// rival sends one request like a program without this client: it never tries again, and often
// writes the values that others write.
func (w *worker) rival() {
	w.with(w.anySlot(), func(s *subject) {
		in := input{value: string(rune('a' + w.rng.IntN(3)))}
		seen := w.seen[s]
		switch n := w.rng.IntN(100); {
		case n < 35 || seen == nil && n < 60:
			in.op = opGet
		case n < 50:
			in.op = opSet
		case n < 65:
			in.op = opCreate
		case n < 75 || seen == nil:
			in.op, in.value = opDelete, ""
		case n < 90:
			in.op, in.index = opSwap, seen.ModifiedIndex
		case n < 95:
			in.op, in.value, in.index = opRemove, "", seen.ModifiedIndex
		default:
			in.op, in.prev = opSwap, seen.Value
		}
		if in.op == opGet {
			in.value = ""
		}
		w.rivalCall(s, in)
	})
}

func (w *worker) rivalCall(s *subject, in input) {
	node, err := w.call(s, in, func(ctx context.Context) (*etcdv2.Node, error) { return w.send(ctx, s.key, in) })
	if in.op == opDelete || in.op == opRemove {
		w.forget(s, err)
		return
	}
	w.remember(s, node, err)
}

// send sends a request to one of the proxies, and returns the errors that the client would
// return.
func (w *worker) send(ctx context.Context, key string, in input) (*etcdv2.Node, error) {
	req, err := w.request(ctx, key, in)
	if err != nil {
		return nil, err
	}
	resp, err := w.http.Do(req)
	if err != nil {
		return nil, rivalError(in, fmt.Errorf("%w", err))
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode >= http.StatusInternalServerError {
		return nil, rivalError(in, errors.Join(err, errors.New(resp.Status)))
	}
	out := rawOutput(resp.StatusCode, body)
	switch out.result {
	case resultDone:
		node := &etcdv2.Node{Key: key, Value: out.value, ModifiedIndex: out.index}
		if out.expires {
			node.TTL = 1
		}
		return node, nil
	case resultExists:
		return nil, etcdv2.ErrExists
	case resultChanged:
		return nil, etcdv2.ErrCompareFailed
	case resultGone:
		return nil, etcdv2.ErrNotFound
	default:
		return nil, rivalError(in, errors.New("no such answer is known"))
	}
}

// rivalError returns the error for a request without an answer.
func rivalError(in input, err error) error {
	if in.op == opGet {
		return err
	}
	return fmt.Errorf("%w: %w", etcdv2.ErrOutcomeUnknown, err)
}

func (w *worker) request(ctx context.Context, key string, in input) (*http.Request, error) {
	conditions := url.Values{}
	if in.index != 0 {
		conditions.Set("prevIndex", strconv.FormatUint(in.index, 10))
	}
	if in.prev != "" {
		conditions.Set("prevValue", in.prev)
	}
	target := w.proxies[w.rng.IntN(len(w.proxies))].URL() + "/v2/keys" + key
	method, body := http.MethodPut, ""
	switch in.op {
	case opGet:
		method, target = http.MethodGet, target+"?quorum=true"
	case opDelete, opRemove:
		method, target = http.MethodDelete, target+"?"+conditions.Encode()
	default:
		conditions.Set("value", in.value)
		if in.op == opCreate {
			conditions.Set("prevExist", "false")
		}
		body = conditions.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, target, strings.NewReader(body))
	if err == nil && body != "" {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return req, err
}

// rawOutput returns the output for an answer of a server.
func rawOutput(status int, body []byte) output {
	var answer etcdtest.Answer
	if err := json.Unmarshal(body, &answer); err != nil {
		return output{result: resultUnknown}
	}
	switch {
	case status < http.StatusMultipleChoices:
		node := answer.Node
		return output{resultDone, content{node.Value, node.Expiration != "" || node.TTL != 0}, node.ModifiedIndex}
	default:
		return output{result: cmp.Or(rawResults[etcdv2.Code(answer.ErrorCode)], resultUnknown)}
	}
}

// rawResults are the results that the codes of a server stand for.
var rawResults = map[etcdv2.Code]result{
	etcdv2.CodeKeyNotFound:   resultGone,
	etcdv2.CodeCompareFailed: resultChanged,
	etcdv2.CodeKeyExists:     resultExists,
	etcdv2.CodeDirNotEmpty:   resultFull,
}
