package etcdv2

import (
	"errors"
	"net"
	"net/url"
	"testing"
)

// A server of gRPC sends its settings at once. The transport may see them before it
// has sent the request, or take them for the answer.
func TestClient_grpcOnly(t *testing.T) {
	t.Parallel()

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				_, _ = conn.Write([]byte("\x00\x00\x00\x04\x00\x00\x00\x00\x00"))
				// A request is not the preface of HTTP/2, and ends the connection.
				_, _ = conn.Read(make([]byte, 1))
			}()
		}
	}()
	c, err := New(Options{Endpoints: []string{"http://" + listener.Addr().String()}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Keys.Get(t.Context(), "/a", GetOptions{}); !errors.Is(err, ErrGRPCOnly) {
		t.Errorf("Get() = %v, want ErrGRPCOnly", err)
	}
	endpoint := &url.URL{Scheme: "http", Host: listener.Addr().String()}
	// net/http makes this of the settings if they arrive before it has sent the request.
	early := withSpokeFirst(errors.New("readLoopPeekFailLocked: %!w(<nil>)"))
	if err := c.explain(t.Context(), &request{}, endpoint, early); !errors.Is(err, ErrGRPCOnly) {
		t.Errorf("explain(%v) = %v, want ErrGRPCOnly", early, err)
	}
}
