package edge_test

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"onsale/internal/edge"
)

// accepted returns the server's end of a connection, and the client's.
func accepted(t *testing.T) (server, client net.Conn) {
	t.Helper()
	below := &pipes{conns: make(chan net.Conn, 1), closed: make(chan struct{})}
	client, server = net.Pipe()
	below.conns <- server
	conn, err := edge.NewListener(below, 1, slog.New(slog.DiscardHandler)).Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = conn.Close(), client.Close() })
	return conn, client
}

// TestWriteDeadlineOfTheServer expects the server's deadline to end writes to a client
// that reads steadily, even a write that has already begun.
func TestWriteDeadlineOfTheServer(t *testing.T) {
	t.Parallel()
	for name, set := range map[string]func(net.Conn){
		"before": func(c net.Conn) { _ = c.SetWriteDeadline(time.Now().Add(3 * time.Second)) },
		"both":   func(c net.Conn) { _ = c.SetDeadline(time.Now().Add(3 * time.Second)) },
		"meanwhile": func(c net.Conn) {
			time.AfterFunc(time.Second, func() { _ = c.SetWriteDeadline(time.Now().Add(2 * time.Second)) })
		},
		"at once": func(c net.Conn) { time.AfterFunc(3*time.Second, func() { _ = c.SetWriteDeadline(time.Now()) }) },
		"and longer": func(c net.Conn) {
			_ = c.SetWriteDeadline(time.Now().Add(3 * time.Second))
			_ = c.SetWriteDeadline(time.Time{})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				server, client := accepted(t)
				set(server)
				var reading sync.WaitGroup
				defer reading.Wait()
				defer client.Close()
				reading.Go(func() {
					for {
						if _, err := io.CopyN(io.Discard, client, 8<<10); err != nil {
							return
						}
						time.Sleep(time.Second)
					}
				})
				began := time.Now()
				n, err := server.Write(make([]byte, 1<<20))
				took := time.Since(began)
				switch {
				case name == "and longer":
					if err != nil || n != 1<<20 {
						t.Errorf("%d bytes, %v", n, err)
					}
				case !errors.Is(err, os.ErrDeadlineExceeded) || took != 3*time.Second:
					t.Errorf("%v after %s, %d bytes", err, took, n)
				}
			})
		})
	}
}

// TestWrappedConnection accesses the wrapped connection, and closes its writing side.
func TestWrappedConnection(t *testing.T) {
	t.Parallel()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener := edge.NewListener(l, 1, slog.New(slog.DiscardHandler))
	t.Cleanup(func() { _ = listener.Close() })
	client, err := new(net.Dialer).DialContext(t.Context(), "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	server, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	conn, ok := server.(interface {
		NetConn() net.Conn
		CloseWrite() error
	})
	if !ok {
		t.Fatalf("%T hides the wrapped connection", server)
	}
	if _, ok := conn.NetConn().(*net.TCPConn); !ok {
		t.Errorf("the wrapped connection is a %T, want a *net.TCPConn", conn.NetConn())
	}
	if err := conn.CloseWrite(); err != nil {
		t.Error(err)
	}
	if _, err := client.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("the client reads %v, want the end", err)
	}
}

// TestDelayIsNotAStall expects a handler that writes nothing for a minute to answer.
func TestDelayIsNotAStall(t *testing.T) {
	virtual(t, 1, func(g *rig) {
		p := g.dial().get("/wait")
		g.releaseAfter(time.Minute)
		g.within(time.Minute, func() { p.wants(http.StatusOK) })
	})
}

// sink is a connection that accepts all writes.
type sink struct{ net.Conn }

func (sink) Write(p []byte) (int, error)      { return len(p), nil }
func (sink) SetWriteDeadline(time.Time) error { return nil }

// TestWriteAllocatesNothing keeps allocations out of Conn.Write.
func TestWriteAllocatesNothing(t *testing.T) {
	below := &pipes{conns: make(chan net.Conn, 1), closed: make(chan struct{})}
	below.conns <- sink{}
	conn, err := edge.NewListener(below, 1, slog.New(slog.DiscardHandler)).Accept()
	if err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, 100<<10)
	if n := testing.AllocsPerRun(100, func() { _, _ = conn.Write(answer) }); n != 0 {
		t.Errorf("%g allocations, want none", n)
	}
}

// TestAdmitWithoutAListener expects Admit to accept every request.
func TestAdmitWithoutAListener(t *testing.T) {
	t.Parallel()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	if !edge.Admit(nil, r, nil) {
		t.Error("the request was rejected")
	}
}
