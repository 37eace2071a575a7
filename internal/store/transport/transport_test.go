package transport_test

import (
	"context"
	"errors"
	"net"
	"net/url"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"go.uber.org/goleak"

	"onsale/internal/store/transport"
	"onsale/internal/store/transport/transporttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const password = "s3cr3t"

// connect connects to a server without TLS that seems to have the given addresses, and
// returns everything that the server received.
func connect(t *testing.T, settings string, addresses ...string) (received string, err error) {
	t.Helper()
	text := "postgres://ada:" + password + "@db.example.com/sale" + settings
	config, err := pgconn.ParseConfig(text)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	transport.RequireTLS(config, u.Query().Get("sslmode"))
	server := transporttest.Start(t)
	server.Pretend(config, addresses...)
	if conn, err := pgconn.ConnectConfig(t.Context(), config); err == nil {
		_ = conn.Close(t.Context())
		t.Fatal("connected to a server that closes every connection")
	} else {
		return server.Received(), err
	}
	return "", nil
}

// TestPublicAddressWithoutTLS expects that the server receives nothing, neither the
// password nor the user.
func TestPublicAddressWithoutTLS(t *testing.T) {
	t.Parallel()
	for name, addresses := range map[string][]string{
		"IPv4":                  {"203.0.113.7"},
		"IPv6":                  {"2001:db8::7"},
		"IPv4 in IPv6":          {"::ffff:203.0.113.7"},
		"shared by a provider":  {"100.64.0.7"},
		"just outside of 10/8":  {"11.0.0.1"},
		"just outside of 172":   {"172.32.0.1"},
		"just outside of fc00":  {"fe00::1"},
		"several":               {"203.0.113.7", "2001:db8::7"},
		"IPv4 embedded (NAT64)": {"64:ff9b::a00:1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, settings := range []string{
				"", "?sslmode=", "?connect_timeout=5", "?sslsni=0",
				"?sslmode=require&sslmode=", "?sslmode=verify-full&sslmode=", "?sslmode=disable&sslmode=", "?sslmode=require&sslmode=prefer",
			} {
				received, err := connect(t, settings, addresses...)
				if received != "" {
					t.Errorf("%s: the server read %q", settings, received)
				}
				if !errors.Is(err, transport.ErrNoTLS) || !strings.Contains(err.Error(), "sslmode=verify-full") ||
					!strings.Contains(err.Error(), "db.example.com") || strings.Contains(err.Error(), password) {
					t.Errorf("%s: %v, want the host and a remedy", settings, err)
				}
				if !transport.Misconfigured(err) {
					t.Errorf("%s: %v, want a permanent error", settings, err)
				}
			}
		})
	}
}

// TestPrivateAddressWithoutTLS expects the password to be sent. It is also the negative
// control: the test server really reads what it receives.
func TestPrivateAddressWithoutTLS(t *testing.T) {
	t.Parallel()
	for _, address := range []string{
		"127.0.0.1", "127.9.9.9", "::1", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.65.254",
		"169.254.1.1", "fe80::1", "fd12:3456::1", "fc00::1", "::ffff:10.0.0.1", "::ffff:127.0.0.1",
	} {
		if received, err := connect(t, "", address); !strings.Contains(received, password) {
			t.Errorf("%s: the server read %q: %v", address, received, err)
		}
	}
}

// TestOperatorsChoice expects an explicit sslmode to count at public addresses too.
func TestOperatorsChoice(t *testing.T) {
	t.Parallel()
	for settings, readable := range map[string]bool{
		"?sslmode=disable": true, "?sslmode=allow": true, "?sslmode=prefer": true,
		"?sslmode=require": false, "?sslmode=verify-full": false, "?ssl=true": false,
	} {
		received, err := connect(t, settings, "203.0.113.7")
		if got := strings.Contains(received, password); got != readable || !readable && !transport.Misconfigured(err) {
			t.Errorf("%s: the server read %q: %v", settings, received, err)
		}
	}
}

// TestNameOfManyAddresses resolves a name to a public address and then to a private one.
// Each address is judged on its own.
func TestNameOfManyAddresses(t *testing.T) {
	t.Parallel()
	received, err := connect(t, "", "203.0.113.7", "10.0.0.1")
	if strings.Count(received, password) != 1 || transport.Misconfigured(err) {
		t.Errorf("the server read %q: %v, want the password once, at the private address", received, err)
	}
}

// TestServiceModes takes sslmode from the environment, which the driver reads.
func TestServiceModes(t *testing.T) {
	for mode, readable := range map[string]bool{"disable": true, "allow": true, "prefer": false, "require": false, "": false} {
		t.Setenv("PGSSLMODE", mode)
		if received, err := connect(t, "", "203.0.113.7"); strings.Contains(received, password) != readable {
			t.Errorf("PGSSLMODE=%s: the server read %q: %v", mode, received, err)
		}
	}
}

// TestUnixSocketIsLocal connects to a Unix socket, with a public host as the second host.
func TestUnixSocketIsLocal(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "unix", dir+"/.s.PGSQL.5432")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	accepted := make(chan byte, 1)
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		first := make([]byte, 1)
		_, _ = conn.Read(first)
		accepted <- first[0]
		_ = conn.Close()
	}()
	config, err := pgconn.ParseConfig("postgres:///sale?host=" + url.QueryEscape(dir) + ",db.example.com")
	if err != nil {
		t.Fatal(err)
	}
	config.LookupFunc = func(context.Context, string) ([]string, error) { return nil, errors.New("no such host") }
	transport.RequireTLS(config, "")
	_, err = pgconn.ConnectConfig(t.Context(), config)
	if errors.Is(err, transport.ErrNoTLS) {
		t.Errorf("%v, want no TLS required on a socket", err)
	}
	select {
	case <-accepted: // the length of the startup message
	default:
		t.Errorf("nothing arrived at the socket: %v", err)
	}
}

// TestServerThatHangsUp expects a temporary error, because the server can be starting.
func TestServerThatHangsUp(t *testing.T) {
	t.Parallel()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_ = conn.Close()
		}
	}()
	for _, mode := range []string{"require", "verify-full", "prefer"} {
		config, err := pgconn.ParseConfig("postgres://ada@" + listener.Addr().String() + "/sale?sslmode=" + mode)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := pgconn.ConnectConfig(t.Context(), config); err == nil || transport.Misconfigured(err) {
			t.Errorf("%s: %v, want an error that is worth a retry", mode, err)
		}
	}
}
