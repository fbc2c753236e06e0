package etcdv2_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

func ExampleMembersService_List() {
	ctx := context.Background()
	members, err := exampleClient().Members.List(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, m := range members {
		fmt.Println(m.Name, m.Started(), len(m.PeerURLs))
	}
	// Output: n1 true 1
}

func ExampleMembersService_Add() {
	ctx := context.Background()
	// A trailing slash is a path, which no server accepts.
	_, err := exampleClient().Members.Add(ctx, []string{"http://10.0.0.2:2380/"})
	fmt.Println(errors.Is(err, etcdv2.ErrInvalidMember))
	// Output: true
}

func ExampleMembersService_Remove() {
	ctx := context.Background()
	err := exampleClient().Members.Remove(ctx, "8e9e05c52164694d")
	switch {
	case errors.Is(err, etcdv2.ErrMemberRemoved):
		fmt.Println("it was removed before")
	case errors.Is(err, etcdv2.ErrNotFound):
		fmt.Println("there never was such a member")
	case errors.Is(err, etcdv2.ErrUnhealthy):
		fmt.Println("not now: the cluster would not bear it")
	}
	// Output: there never was such a member
}

func ExampleMembersService_Health() {
	ctx := context.Background()
	members, err := exampleClient().Members.Health(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, m := range members {
		fmt.Println(m.Name, m.Healthy, m.Err)
	}
	// Output: n1 true <nil>
}

func ExampleStatsService_Leader() {
	ctx := context.Background()
	stats, err := exampleClient().Stats.Leader(ctx)
	fmt.Println(len(stats.Followers), err)
	// Output: 0 <nil>
}

func ExampleStatsService_SelfAll() {
	ctx := context.Background()
	client, err := etcdv2.New(etcdv2.Options{Endpoints: []string{exampleURL(), "http://no-such-host.invalid:2379"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	all, err := client.Stats.SelfAll(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, one := range all {
		if errors.Is(one.Err, etcdv2.ErrUnavailable) {
			fmt.Println("no answer")
			continue
		}
		fmt.Println(one.Value.Name, one.Value.State)
	}
	// Output:
	// n1 StateLeader
	// no answer
}

func ExampleClient_HealthAll() {
	ctx := context.Background()
	all, err := exampleClient().HealthAll(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, one := range all {
		fmt.Println(one.Value.Healthy, one.Err)
	}
	// Output: true <nil>
}

func ExampleClient_AutoSync() {
	ctx, cancel := context.WithCancel(context.Background())
	client := exampleClient()
	done := make(chan error)
	go func() { done <- client.AutoSync(ctx, time.Minute) }()
	// The client follows the members of the cluster until its context ends.
	cancel()
	fmt.Println(errors.Is(<-done, context.Canceled))
	// Output: true
}

// zone answers like the DNS of example.com.
type zone struct{}

func (zone) LookupSRV(_ context.Context, service, _, _ string) (string, []*net.SRV, error) {
	if service != "etcd-client-ssl" {
		return "", nil, &net.DNSError{IsNotFound: true}
	}
	return "", []*net.SRV{{Target: "n2.example.com.", Port: 2379, Priority: 1}, {Target: "n1.example.com.", Port: 2379}}, nil
}

func ExampleDiscoverSRV() {
	ctx := context.Background()
	records, err := etcdv2.DiscoverSRV(ctx, "example.com", etcdv2.SRVOptions{Resolver: zone{}})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, r := range records {
		fmt.Println(r.Endpoint())
	}
	// Output:
	// https://n1.example.com:2379
	// https://n2.example.com:2379
}
