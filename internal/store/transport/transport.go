// Package transport decides when a connection to PostgreSQL must be encrypted,
// and tells failures of encryption that another try cannot mend from those that
// it may. It also takes settings out of the startup parameters that a pooler between
// would refuse.
package transport

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"onsale/internal/endpoint"
)

// ErrNoTLS says that a server at a public address offers no TLS. Nothing was
// sent to it.
var ErrNoTLS = errors.New("the server offers no TLS and its address is public, so the password would be readable on the way: " +
	"turn TLS on at the server and connect with sslmode=verify-full, or allow it with sslmode=disable in the URL")

// RequireTLS makes connections by config fail with [ErrNoTLS] where the server
// has a public address and does not encrypt, before anything is sent to it. The
// driver's default, sslmode=prefer, would send the password in the clear.
//
// The operator's choice counts instead: sslmode is the one that the URL gives,
// empty for none. The driver also reads PGSSLMODE and service files; disable and
// allow count from there, and prefer does not, because config cannot tell it
// from the default. Any other sslmode changes nothing here, since a URL may give
// it twice and the driver takes the last one.
//
// What counts is the address of the connection and not the name in the URL,
// which may resolve to several addresses, and to others tomorrow.
func RequireTLS(config *pgconn.Config, sslmode string) {
	if sslmode == "prefer" || !prefersTLS(config) {
		return
	}
	config.AfterNetConnect = func(_ context.Context, _ *pgconn.Config, conn net.Conn) (net.Conn, error) {
		if _, encrypted := conn.(*tls.Conn); encrypted || isNear(conn.RemoteAddr()) {
			return conn, nil
		}
		return conn, fmt.Errorf("%w (%s)", ErrNoTLS, conn.RemoteAddr()) // the driver closes it
	}
}

// prefersTLS reports whether the driver would try a host without TLS after it
// failed with TLS: its default, sslmode=prefer.
func prefersTLS(config *pgconn.Config) bool {
	before := &pgconn.FallbackConfig{Host: config.Host, Port: config.Port, TLSConfig: config.TLSConfig}
	for _, next := range config.Fallbacks {
		if before.TLSConfig != nil && next.TLSConfig == nil && before.Host == next.Host && before.Port == next.Port {
			return true
		}
		before = next
	}
	return false
}

// isNear reports whether packets to the address do not cross the internet.
func isNear(addr net.Addr) bool {
	switch addr := addr.(type) {
	case *net.UnixAddr:
		return true
	case *net.TCPAddr:
		return endpoint.IsNear(addr.AddrPort().Addr())
	}
	return false
}

// Misconfigured reports whether every attempt to connect failed because server
// and URL disagree about TLS: no TLS where it is required, or a certificate that
// is not trusted. Another attempt would fail in the same way.
func Misconfigured(err error) bool {
	connect, ok := errors.AsType[*pgconn.ConnectError](err)
	if !ok {
		return false
	}
	attempts := []error{connect.Unwrap()}
	if several, ok := connect.Unwrap().(interface{ Unwrap() []error }); ok {
		attempts = several.Unwrap()
	}
	for _, attempt := range attempts {
		if !disagrees(attempt) {
			return false
		}
	}
	return true
}

// disagrees judges one attempt. The driver has no sentinels for it. A connection
// that broke during the handshake proves nothing: the server may be starting.
func disagrees(err error) bool {
	text := err.Error()
	switch {
	case errors.Is(err, ErrNoTLS), strings.Contains(text, "tls: "), strings.Contains(text, "x509: "):
		return true
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return false
	}
	_, broken := errors.AsType[net.Error](err)
	return !broken && strings.Contains(text, "tls error: ")
}

// PoolerRefusesLogin reports whether PgBouncer does not let the user in. Its own errors
// all have the code of a lost connection.
func PoolerRefusesLogin(err *pgconn.PgError) bool {
	return err.Code == "08P01" && // protocol_violation
		(strings.Contains(err.Message, "authentication failed") || strings.Contains(err.Message, "no such user"))
}
