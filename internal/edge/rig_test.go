package edge_test

import (
	"bufio"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"onsale/internal/edge"
)

// pipes is a listener whose clients are in the same process, so that tests run in virtual
// time. A pipe has no buffer: a write waits until it is read.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-p.conns:
		return conn, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { p.once.Do(func() { close(p.closed) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

// rig is a server behind a listener.
type rig struct {
	*testing.T

	below  *pipes
	edge   *edge.Listener
	server *http.Server
	logs   strings.Builder
	// release ends requests for /wait.
	release chan struct{}
	served  chan string // paths of served requests
	// clients are the goroutines of clients.
	clients sync.WaitGroup
}

const bigAnswer = 1 << 20

func isHealth(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, "/health") }

// newRig starts a server with limit places.
func newRig(t *testing.T, limit int) *rig {
	t.Helper()
	g := &rig{
		T: t, below: &pipes{conns: make(chan net.Conn), closed: make(chan struct{})},
		release: make(chan struct{}), served: make(chan string, 10_000),
	}
	g.edge = edge.NewListener(g.below, limit, slog.New(slog.NewTextHandler(&g.logs, nil)))
	g.server = &http.Server{
		Handler: http.HandlerFunc(g.serve), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 15 * time.Second,
		WriteTimeout: 2 * time.Minute, IdleTimeout: 2 * time.Minute,
	}
	g.edge.Attach(g.server)
	ended := make(chan error, 1)
	go func() { ended <- g.server.Serve(g.edge) }()
	t.Cleanup(func() {
		_ = g.server.Close()
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("server: %v", err)
		}
		g.clients.Wait()
		time.Sleep(2 * time.Second) // for requests that wait for a place
	})
	return g
}

func (g *rig) serve(w http.ResponseWriter, r *http.Request) {
	if !edge.Admit(w, r, isHealth) {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	g.served <- r.URL.Path
	switch r.URL.Path {
	case "/big", "/health/big":
		_, _ = w.Write(make([]byte, bigAnswer))
	case "/wait", "/health/wait":
		select {
		case <-g.release:
		case <-r.Context().Done():
		}
	case "/delay":
		time.Sleep(200 * time.Millisecond)
	case "/body":
		_, _ = io.Copy(io.Discard, r.Body)
	}
}

// peer is a client's end of a connection.
type peer struct {
	net.Conn

	g      *rig
	answer *bufio.Reader
}

// patience bounds waits, in virtual time.
const patience = 90 * time.Second

// dial connects a client.
func (g *rig) dial() *peer {
	client, server := net.Pipe()
	g.accept(server)
	return &peer{client, g, bufio.NewReader(client)}
}

// accept passes the server's end of a connection to the listener.
func (g *rig) accept(server net.Conn) {
	select {
	case g.below.conns <- server:
	case <-g.below.closed:
	case <-time.After(patience):
		g.Fatal("the connection was not accepted")
	}
	synctest.Wait()
}

// send writes a text in the background, as far as the server reads it.
func (p *peer) send(text string) *peer {
	p.g.clients.Go(func() { _, _ = io.WriteString(p.Conn, text) })
	synctest.Wait()
	return p
}

func (p *peer) get(path string) *peer { return p.send("GET " + path + " HTTP/1.1\r\nHost: x\r\n\r\n") }

// wants reads an answer and checks its status. Status 0 means no answer, because the
// connection was closed. It reports whether the answer announces the end of the
// connection.
func (p *peer) wants(status int) (closing bool) {
	p.g.Helper()
	_ = p.SetReadDeadline(time.Now().Add(patience))
	response, err := http.ReadResponse(p.answer, nil)
	if err != nil {
		if status != 0 {
			p.g.Fatalf("no answer: %v, want %d", err, status)
		}
		return true
	}
	defer response.Body.Close()
	if response.StatusCode != status {
		p.g.Errorf("answered %d, want %d", response.StatusCode, status)
	}
	_, _ = io.Copy(io.Discard, response.Body)
	synctest.Wait()
	return response.Close
}

// isOpen reports whether the connection is open. The server must not have sent anything
// that is still unread.
func (p *peer) isOpen() bool {
	_ = p.SetReadDeadline(time.Now())
	_, err := p.Read(make([]byte, 1))
	return !errors.Is(err, io.EOF)
}

// within checks that do takes at most limit, in virtual time.
func (g *rig) within(limit time.Duration, do func()) {
	g.Helper()
	began := time.Now()
	do()
	if took := time.Since(began); took > limit {
		g.Errorf("it took %s, want at most %s", took, limit)
	}
}

// releaseAfter ends one request for /wait after a time.
func (g *rig) releaseAfter(d time.Duration) {
	time.AfterFunc(d, func() {
		select {
		case g.release <- struct{}{}:
		case <-g.below.closed:
		}
	})
}

// hog takes places of the server with requests that do not end.
func (g *rig) hog(places int) {
	for range places {
		p := g.dial().get("/wait")
		g.clients.Go(func() { _, _ = io.Copy(io.Discard, p) })
	}
}
