package tfserver

import (
	"bytes"
	"encoding/json"
	"strings"
	"sync"
	"unicode/utf8"
)

// privateCached is how many different private states are cached in decoded form. Most
// objects of a configuration have the same one.
const privateCached = 64

// privates decodes private states.
type privates struct {
	mu    sync.Mutex
	known map[string]map[string][]byte
}

// decode returns the content of a private state. It is not ok if the framework would write
// the private state in other bytes, or keeps a note of its own in it. The caller must not
// change the map.
func (p *privates) decode(data []byte) (values map[string][]byte, ok bool) {
	if len(data) == 0 {
		return nil, true
	}
	p.mu.Lock()
	values, ok = p.known[string(data)]
	p.mu.Unlock()
	if ok {
		return values, true
	}
	if values, ok = decodePrivate(data); !ok {
		return nil, false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.known == nil || len(p.known) >= privateCached {
		p.known = map[string]map[string][]byte{}
	}
	p.known[string(data)] = values
	return values, true
}

func decodePrivate(data []byte) (values map[string][]byte, ok bool) {
	if json.Unmarshal(data, &values) != nil || len(values) == 0 {
		return nil, false
	}
	for key, value := range values {
		if strings.HasPrefix(key, ".") || !utf8.Valid(value) || !json.Valid(value) {
			return nil, false
		}
	}
	again, err := json.Marshal(values)
	return values, err == nil && bytes.Equal(again, data)
}
