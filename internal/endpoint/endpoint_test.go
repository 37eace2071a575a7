package endpoint_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"onsale/internal/endpoint"
	"onsale/internal/endpoint/endpointtest"
)

func TestAddresses(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]struct{ loopback, near bool }{
		"127.0.0.1":              {true, true},
		"127.255.255.254":        {true, true},
		"::1":                    {true, true},
		"::1%lo":                 {true, true},
		"::ffff:127.0.0.1":       {true, true},
		"10.1.2.3":               {false, true},
		"172.31.0.1":             {false, true},
		"192.168.1.1":            {false, true},
		"::ffff:192.168.1.1":     {false, true},
		"fd00::1":                {false, true},
		"0.0.0.0":                {false, false},
		"::":                     {false, false},
		"::ffff:0.0.0.0":         {false, false},
		"::127.0.0.1":            {false, false}, // an obsolete form, which is routed like any other
		"64:ff9b::127.0.0.1":     {false, false}, // NAT64
		"169.254.169.254":        {false, true},
		"fe80::1%eth0":           {false, true},
		"100.64.0.1":             {false, false},
		"128.0.0.1":              {false, false},
		"203.0.113.7":            {false, false},
		"172.32.0.1":             {false, false},
		"2001:db8::1":            {false, false},
		"::ffff:203.0.113.7%eth": {false, false},
	} {
		a := netip.MustParseAddr(text)
		if endpoint.IsLoopback(a) != want.loopback || endpoint.IsNear(a) != want.near {
			t.Errorf("%s: loopback %t, near %t, want %+v", text, endpoint.IsLoopback(a), endpoint.IsNear(a), want)
		}
	}
}

func TestIsLoopbackHostChecksAllAddresses(t *testing.T) {
	t.Parallel()
	names := endpointtest.Names(t, map[string][]string{
		"here.test":      {"127.0.0.1"},
		"both.test":      {"127.0.0.1", "::1"},
		"mixed.test":     {"127.0.0.1", "192.0.2.1"},
		"away.test":      {"192.0.2.1"},
		"localhost.test": {"192.0.2.1"},
		"wild.test":      {"0.0.0.0"},
		"mapped.test":    {"::ffff:127.0.0.1"},
		"127.1":          {"192.0.2.1"},
		"0x7f000001":     {"192.0.2.1"},
	})
	for host, want := range map[string]bool{
		"127.0.0.1": true, "::1": true, "[::1]": false, "192.0.2.1": false, "0.0.0.0": false, "": false,
		"here.test": true, "here.test.": true, "both.test": true, "mapped.test": true,
		"mixed.test": false, "away.test": false, "localhost.test": false, "wild.test": false, "unknown.test": false,
		"127.1": false, "0x7f000001": false,
	} {
		if got := endpoint.IsLoopbackHost(t.Context(), names, host); got != want {
			t.Errorf("%q is loopback: %t, want %t", host, got, want)
		}
	}
}

// TestLookUpIsBounded uses a DNS server that never answers.
func TestLookUpIsBounded(t *testing.T) {
	t.Parallel()
	silent, err := (&net.ListenConfig{}).ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	names := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", silent.LocalAddr().String())
	}}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if endpoint.IsLoopbackHost(ctx, names, "slow.test") {
		t.Error("a name that was not resolved counts as loopback")
	}
	if ctx.Err() == nil {
		t.Error("the look-up ended before its context") // so the test proves nothing
	}
}

// TestOnlyRejectsBeforeItConnects dials a name that resolves to another address than expected.
func TestOnlyRejectsBeforeItConnects(t *testing.T) {
	t.Parallel()
	server, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	_, port, _ := net.SplitHostPort(server.Addr().String())
	zone := map[string][]string{"shop.test": {"127.0.0.1"}, "away.test": {"192.0.2.1"}}
	refusal := errors.New("not loopback any more")
	d := net.Dialer{
		Resolver: endpointtest.Names(t, zone), ControlContext: endpoint.Only(endpoint.IsLoopback, refusal), Timeout: time.Minute,
	}
	c, err := d.DialContext(t.Context(), "tcp", net.JoinHostPort("shop.test", port))
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	if _, err := d.DialContext(t.Context(), "tcp", net.JoinHostPort("away.test", port)); !errors.Is(err, refusal) || !strings.Contains(err.Error(), "192.0.2.1") {
		t.Errorf("a connection to 192.0.2.1: %v", err)
	}
	if _, err := d.DialContext(t.Context(), "tcp", net.JoinHostPort("0.0.0.0", port)); !errors.Is(err, refusal) {
		t.Errorf("a connection to 0.0.0.0: %v", err)
	}
}

func TestClients(t *testing.T) {
	t.Parallel()
	for remote, want := range map[string]string{
		"192.0.2.1:80":              "192.0.2.1/32",
		"[::ffff:192.0.2.1]:80":     "192.0.2.1/32",
		"[2001:db8:1:2:3:4:5:6]:80": "2001:db8:1:2::/64",
		"[fe80::1%eth0]:80":         "fe80::/64",
		"a pipe":                    "invalid Prefix",
	} {
		if got := endpoint.ClientOf(remote).String(); got != want {
			t.Errorf("%s counts as %s, want %s", remote, got, want)
		}
	}
}
