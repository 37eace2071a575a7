// Package transport decides whether a connection to PostgreSQL must be encrypted, and
// whether a TLS failure is permanent or worth a retry. It also removes startup
// parameters that a pooler would reject.
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

// ErrNoTLS is returned if a server at a public address does not offer TLS. Nothing was
// sent to it.
var ErrNoTLS = errors.New("the server does not offer TLS and its address is public, so the password would be sent in plain text: " +
	"turn TLS on at the server and connect with sslmode=verify-full, or allow plain text with sslmode=disable in the URL")

// RequireTLS makes connections with config fail with [ErrNoTLS] if the server has a
// public address and does not encrypt. They fail before anything is sent. The driver's
// default, sslmode=prefer, would send the password in plain text.
//
// An explicit choice of the operator overrides this. The argument sslmode is the one in
// the URL, empty if there is none. The driver also reads PGSSLMODE and service files:
// disable and allow count from there, but prefer does not, because config does not show
// whether it was set or is the default. Any other sslmode changes nothing here, because
// a URL can give it twice and the driver takes the last one.
//
// The address of the connection decides, not the name in the URL. A name can resolve to
// several addresses, and to others later.
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

// prefersTLS reports whether the driver would retry a host without TLS after TLS failed.
// That is sslmode=prefer, the driver's default.
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

// isNear reports whether packets to the address stay off the public internet.
func isNear(addr net.Addr) bool {
	switch addr := addr.(type) {
	case *net.UnixAddr:
		return true
	case *net.TCPAddr:
		return endpoint.IsNear(addr.AddrPort().Addr())
	}
	return false
}

// Misconfigured reports whether every attempt to connect failed because of the TLS
// configuration: TLS is required but not offered, or the certificate is not trusted. A
// retry would fail in the same way.
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

// disagrees is Misconfigured for one attempt. The driver has no sentinel errors for this,
// so it reads the message. A connection that broke during the handshake does not count:
// the server can be starting.
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

// PoolerRefusesLogin reports whether PgBouncer rejected the user. All of PgBouncer's own
// errors have the same code, so the message decides.
func PoolerRefusesLogin(err *pgconn.PgError) bool {
	return err.Code == "08P01" && // protocol_violation
		(strings.Contains(err.Message, "authentication failed") || strings.Contains(err.Message, "no such user"))
}
