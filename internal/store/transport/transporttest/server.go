// Package transporttest is a PostgreSQL server that offers no TLS and asks for
// the password in the clear, at any address that a test wants it to have.
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

// sslRequest is the number by which a client asks for TLS.
const sslRequest = 80877103

// Server listens on loopback and keeps what clients send without TLS.
type Server struct {
	listener net.Listener

	mu       sync.Mutex
	received bytes.Buffer
}

// Start starts a server that ends with the test.
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

// serve refuses TLS, asks for the password, and hangs up when it has it.
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
		return nil, errors.New("no message of PostgreSQL's")
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

// Received returns everything that clients have sent without TLS, requests for
// TLS left out.
func (s *Server) Received() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.received.String()
}

// Pretend makes every name of config resolve to the IP addresses, and every
// connection by config lead to the server, which seems to have that address.
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

// elsewhere is a connection that claims to lead to another address.
type elsewhere struct {
	net.Conn
	remote net.Addr
}

func (e elsewhere) RemoteAddr() net.Addr { return e.remote }
