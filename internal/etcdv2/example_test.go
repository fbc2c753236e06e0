package etcdv2_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

// exampleTB is the test of the shared server in an example.
type exampleTB struct {
	testing.TB

	ctx context.Context //nolint:containedctx // like the context of a test
}

func (exampleTB) Helper()                     {}
func (exampleTB) Cleanup(func())              {}
func (exampleTB) Name() string                { return "Example" }
func (tb exampleTB) Context() context.Context { return tb.ctx }

// Fatal panics: an example cannot fail in another way.
func (exampleTB) Fatal(args ...any) { panic(fmt.Sprint(args...)) }

// Fatalf panics: an example cannot fail in another way.
func (exampleTB) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }

// exampleURL returns the URL of an etcd server.
func exampleURL() string {
	return etcdtest.Shared(exampleTB{ctx: context.Background()}).URL()
}

// exampleClient returns a client with a key space of its own.
func exampleClient() *etcdv2.Client {
	client, err := etcdv2.New(etcdv2.Options{
		Endpoints: []string{exampleURL()}, KeyPrefix: etcdtest.Prefix(exampleTB{}),
	})
	if err != nil {
		panic(err)
	}
	return client
}

func ExampleNew() {
	client, err := etcdv2.New(etcdv2.Options{
		Endpoints: []string{"http://10.0.0.1:2379", "http://10.0.0.2:2379", "http://10.0.0.3:2379"},
		Username:  "deploy",
		Password:  os.Getenv("ETCD_PASSWORD"),
		KeyPrefix: "/teams/web",
		Trace:     func(x etcdv2.Exchange) { fmt.Fprintln(os.Stderr, x.Curl()) },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	// No request has been made yet.
	fmt.Println(client.Endpoints()[0])
	// Output: http://10.0.0.1:2379
}

func ExampleKeysService_Create() {
	ctx := context.Background()
	keys := exampleClient().Keys

	created, err := keys.Create(ctx, "/config/name", "one", etcdv2.CreateOptions{})
	fmt.Println(created.Action, created.Node.Value, err)

	_, err = keys.Create(ctx, "/config/name", "two", etcdv2.CreateOptions{})
	fmt.Println(errors.Is(err, etcdv2.ErrExists))
	// Output:
	// create one <nil>
	// true
}

func ExampleKeysService_CompareAndSwap() {
	ctx := context.Background()
	keys := exampleClient().Keys
	read, err := keys.Set(ctx, "/config/size", "1", etcdv2.WriteOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}

	// Nobody else has written the key since it was read.
	unchanged := etcdv2.Condition{Index: read.Node.ModifiedIndex}
	swapped, err := keys.CompareAndSwap(ctx, "/config/size", "2", unchanged, etcdv2.WriteOptions{})
	fmt.Println(swapped.Node.Value, err)

	// Now somebody has.
	_, err = keys.CompareAndSwap(ctx, "/config/size", "3", unchanged, etcdv2.WriteOptions{})
	switch {
	case errors.Is(err, etcdv2.ErrCompareFailed):
		fmt.Println("it was changed meanwhile")
	case errors.Is(err, etcdv2.ErrOutcomeUnknown):
		fmt.Println("read it again before going on")
	}
	// Output:
	// 2 <nil>
	// it was changed meanwhile
}

func ExampleKeysService_List() {
	ctx := context.Background()
	keys := exampleClient().Keys
	for _, name := range []string{"b", "a/x", "c"} {
		if _, err := keys.Set(ctx, "/config/"+name, "value of "+name, etcdv2.WriteOptions{}); err != nil {
			fmt.Println(err)
		}
	}

	tree, err := keys.List(ctx, "/config", etcdv2.GetOptions{Recursive: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	for leaf := range tree.Node.Leaves() {
		fmt.Println(leaf.Key, "=", leaf.Value)
	}
	// Output:
	// /config/a/x = value of a/x
	// /config/b = value of b
	// /config/c = value of c
}

func ExampleKeysService_Refresh() {
	ctx := context.Background()
	keys := exampleClient().Keys
	_, err := keys.Set(ctx, "/services/web", "10.0.0.1:80", etcdv2.WriteOptions{TTL: new(int64(10))})
	fmt.Println(err)

	// The service is still alive. A refresh notifies no watchers.
	refreshed, err := keys.Refresh(ctx, "/services/web", 60, etcdv2.Condition{})
	if errors.Is(err, etcdv2.ErrUnsupported) {
		// etcd 2.2 and older would empty the key, so we write it again.
		refreshed, err = keys.Set(ctx, "/services/web", "10.0.0.1:80", etcdv2.WriteOptions{TTL: new(int64(60))})
	}
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(refreshed.Node.Value, refreshed.Node.TTL)
	// Output:
	// <nil>
	// 10.0.0.1:80 60
}

func ExampleKeysService_Watch() {
	ctx := context.Background()
	keys := exampleClient().Keys
	read, err := keys.Set(ctx, "/jobs/1", "running", etcdv2.WriteOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	go func() {
		_, _ = keys.Update(ctx, "/jobs/1", "halfway", etcdv2.WriteOptions{})
		_, _ = keys.Update(ctx, "/jobs/1", "done", etcdv2.WriteOptions{})
	}()

	event, err := keys.Watch(ctx, "/jobs/1", etcdv2.WatchOptions{
		AfterIndex: read.EtcdIndex,
		Timeout:    time.Minute,
		Until:      func(e *etcdv2.Event) bool { return e.Gone() || e.Node.Value == "done" },
	})
	if errors.Is(err, etcdv2.ErrWatchTimeout) {
		fmt.Println("it takes too long")
		return
	}
	fmt.Println(event.Action, event.Node.Value, err)
	// Output: update done <nil>
}

func ExampleKeysService_Events() {
	ctx := context.Background()
	keys := exampleClient().Keys

	// First the state, then everything that happens after it.
	if _, err := keys.CreateDir(ctx, "/config", etcdv2.CreateOptions{}); err != nil {
		fmt.Println(err)
	}
	state, err := keys.List(ctx, "/config", etcdv2.GetOptions{Recursive: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	go func() {
		_, _ = keys.Set(ctx, "/config/a", "1", etcdv2.WriteOptions{})
		_, _ = keys.Delete(ctx, "/config/a")
	}()
	for event, err := range keys.Events(ctx, "/config", etcdv2.WatchOptions{Recursive: true, AfterIndex: state.EtcdIndex}) {
		switch {
		case err != nil:
			fmt.Println(err)
			return
		case event.Resync:
			fmt.Println("some events are lost; this is how it is now:", event.Node)
		case event.Gone():
			fmt.Println(event.Node.Key, "is gone")
			return
		default:
			fmt.Println(event.Node.Key, "=", event.Node.Value)
		}
	}
	// Output:
	// /config/a = 1
	// /config/a is gone
}
