// Package transporttest simulates a PostgreSQL server without TLS that requests the
// password in plain text. It seems to have any address that a test gives it.
package transporttest

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
)

// sslRequest is the code in a client's request for TLS.
const sslRequest = 80877103

// Server listens on loopback and keeps what clients send without TLS.
type Server struct {
	listener net.Listener

	mu       sync.Mutex
	received bytes.Buffer
}

// Start starts a server that stops at the end of the test.
func Start(tb testing.TB) *Server {
	tb.Helper()
	listener, err := new(net.ListenConfig).Listen(tb.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	s := &Server{listener: listener}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { s.serve(conn) })
		}
	})
	tb.Cleanup(func() { _ = listener.Close(); serving.Wait() })
	return s
}

// serve rejects TLS, requests the password, and closes the connection after receiving it.
func (s *Server) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	for {
		startup, err := readMessage(conn)
		if err != nil {
			return
		}
		if binary.BigEndian.Uint32(startup) == sslRequest {
			_, _ = conn.Write([]byte("N"))
			continue
		}
		s.keep(startup)
		_, _ = conn.Write([]byte{'R', 0, 0, 0, 8, 0, 0, 0, 3}) // AuthenticationCleartextPassword
		kind := make([]byte, 1)
		if _, err := io.ReadFull(conn, kind); err != nil {
			return
		}
		password, _ := readMessage(conn)
		s.keep(password)
		return
	}
}

// readMessage reads a message that begins with its length.
func readMessage(r io.Reader) ([]byte, error) {
	length := make([]byte, 4)
	if _, err := io.ReadFull(r, length); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(length)
	if n < 8 || n > 1<<16 {
		return nil, errors.New("not a message of PostgreSQL's protocol")
	}
	message := make([]byte, n-4)
	_, err := io.ReadFull(r, message)
	return message, err
}

func (s *Server) keep(message []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.received.Write(message)
}

// Received returns everything that clients have sent without TLS, except requests for
// TLS.
func (s *Server) Received() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.received.String()
}

// Pretend makes every host name in config resolve to the IP addresses. Every connection
// with config goes to the server, which seems to have the address that was dialled.
func (s *Server) Pretend(config *pgconn.Config, addresses ...string) {
	config.LookupFunc = func(context.Context, string) ([]string, error) { return addresses, nil }
	config.DialFunc = func(ctx context.Context, _, address string) (net.Conn, error) {
		pretended, err := netip.ParseAddrPort(address)
		if err != nil {
			return nil, err
		}
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", s.listener.Addr().String())
		return elsewhere{conn, net.TCPAddrFromAddrPort(pretended)}, err
	}
}

// elsewhere is a connection that reports another remote address.
type elsewhere struct {
	net.Conn
	remote net.Addr
}

func (e elsewhere) RemoteAddr() net.Addr { return e.remote }
