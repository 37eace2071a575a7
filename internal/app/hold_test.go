package app_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"onsale/internal/app"
	"onsale/internal/app/apptest"
	"onsale/internal/fault"
	"onsale/internal/sale"
)

// holds are ways to hold a connection without using it. The path must have a large answer.
var holds = map[string]func(conn net.Conn, path string){
	"never reads": func(conn net.Conn, path string) {
		_ = conn.(*net.TCPConn).SetReadBuffer(4 << 10)
		_, _ = io.WriteString(conn, strings.Repeat("GET "+path+" HTTP/1.1\r\nHost: localhost\r\n\r\n", 15))
	},
	"silent":      func(net.Conn, string) {},
	"slow header": func(conn net.Conn, _ string) { _, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: local") },
	"slow body": func(conn net.Conn, _ string) {
		_, _ = io.WriteString(conn, "POST /buy/1 HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 60\r\n\r\n{")
	},
	"idle": func(conn net.Conn, _ string) {
		_, _ = io.WriteString(conn, "GET /nowhere HTTP/1.1\r\nHost: localhost\r\n\r\n")
	},
	"half closed": func(conn net.Conn, path string) {
		_, _ = io.WriteString(conn, "GET "+path+" HTTP/1.1\r\nHost: localhost\r\n\r\n")
		_ = conn.(*net.TCPConn).CloseWrite()
	},
}

// places is the connection limit of the servers under attack. Twice as many clients attack
// each server.
const places = 20

// besiege lets clients hold connections of a server until the test ends. Each client
// reconnects every second.
func besiege(t *testing.T, address, path string, hold func(net.Conn, string)) {
	t.Helper()
	ctx, end := context.WithCancel(t.Context())
	var clients, holding sync.WaitGroup
	for range 2 * places {
		holding.Add(1)
		clients.Go(func() {
			first := sync.OnceFunc(holding.Done)
			defer first()
			for ctx.Err() == nil {
				conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
				if err != nil {
					continue
				}
				hold(conn, path)
				first()
				wait(ctx, time.Second)
				_ = conn.Close()
			}
		})
	}
	t.Cleanup(func() { end(); clients.Wait() })
	holding.Wait()
}

func wait(ctx context.Context, d time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	<-ctx.Done()
}

// answers checks that the server answers requests with the admin token within a second. Each
// request uses a new connection.
func answers(t *testing.T, urls ...string) {
	t.Helper()
	for range 10 {
		for _, url := range urls {
			if status, body := ask(t, http.MethodGet, url, "", apptest.AdminToken); status != http.StatusOK {
				t.Fatalf("%s: %d %s", url, status, body)
			}
		}
		wait(t.Context(), 100*time.Millisecond)
	}
}

// ask sends a request on a new connection. The server must answer within a second.
func ask(t *testing.T, method, url, body, token string) (status int, text string) {
	t.Helper()
	client := &http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	answer, err := client.Do(r)
	if err != nil {
		t.Fatalf("%s %s: %v", method, url, err)
	}
	defer answer.Body.Close()
	read, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, url, err)
	}
	return answer.StatusCode, string(read)
}

// TestHeldConnections: clients that hold all connections do not block probes and admins, and
// block buyers only briefly.
func TestHeldConnections(t *testing.T) {
	t.Parallel()
	for name, hold := range holds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := apptest.Start(t, func(o *app.Options) {
				o.Faults, o.MaxConnections = &fault.Plan{}, places
			})
			admin := apptest.Admin(t, url)
			concert, err := admin.CreateConcert(t.Context(), sale.NewConcert{Title: "T", Date: "D", Venue: "V", Capacity: 1000})
			if err != nil {
				t.Fatal(err)
			}
			besiege(t, strings.TrimPrefix(url, "http://"), "/openapi.json", hold)
			var buying sync.WaitGroup
			defer buying.Wait()
			buying.Go(func() { keepsBuying(t, fmt.Sprintf("%s/buy/%d", url, concert.ID)) })
			answers(t, url+"/health", url+"/faults")
		})
	}
}

// keepsBuying checks that purchases succeed, although the server rejects some attempts.
func keepsBuying(t *testing.T, url string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for sold := 0; sold < 5; {
		status, err := buy(ctx, url)
		switch {
		case ctx.Err() != nil:
			t.Errorf("%d purchases in 20 s, the last attempt ended with %d %v", sold, status, err)
			return
		case status == http.StatusOK:
			sold++
		}
	}
}

// buy buys a ticket on a new connection.
func buy(ctx context.Context, url string) (int, error) {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(`{"user_email":"a@example.com","quantity":1}`))
	if err != nil {
		return 0, err
	}
	r.Header.Set("Content-Type", "application/json")
	answer, err := client.Do(r)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	_, err = io.Copy(io.Discard, answer.Body)
	return answer.StatusCode, err
}

// TestHeldConnectionsOfMonitor: held connections do not block the probes of `onsale monitor` either.
func TestHeldConnectionsOfMonitor(t *testing.T) {
	t.Parallel()
	o := app.DefaultMonitorOptions()
	o.Listen, o.DataDir, o.Targets, o.MaxConnections = "127.0.0.1:0", t.TempDir(), []string{"http://127.0.0.1:1"}, places
	o.AdminToken = apptest.AdminToken
	m, err := app.NewMonitor(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- m.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	besiege(t, m.Addr(), "/ui/style.css", holds["never reads"])
	answers(t, "http://"+m.Addr()+"/-/healthy")
}
