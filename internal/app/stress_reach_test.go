package app_test

import (
	"bytes"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"onsale/internal/app"
	"onsale/internal/endpoint/endpointtest"
)

const envToken = "the-token-of-the-environment"

// shop is a ticket API that remembers the tokens it was sent.
type shop struct {
	port string
	// asked is called with each path.
	asked func(path string)

	mu     sync.Mutex
	tokens []string
}

func newShop(t *testing.T) *shop {
	t.Helper()
	s := &shop{asked: func(string) {}}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	_, s.port, _ = net.SplitHostPort(server.Listener.Addr().String())
	return s
}

func (s *shop) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.tokens = append(s.tokens, r.Header.Get("Authorization"))
	s.mu.Unlock()
	s.asked(r.URL.Path)
	w.Header().Set("Content-Type", "application/json")
	switch {
	case r.URL.Path == "/concerts":
		_, _ = io.WriteString(w, `[]`)
	case r.Method == http.MethodPost:
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, `{"code":"admin_required"}`)
	}
}

func (s *shop) sawToken() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Contains(strings.Join(s.tokens, " "), envToken)
}

// storm makes a load test, with a token of the environment, and returns what it
// asked, what it said and how it failed.
func storm(t *testing.T, names *net.Resolver, host string, o app.StressOptions) (question, said string, err error) {
	t.Helper()
	var out bytes.Buffer
	o.Host, o.Resolver, o.AdminToken, o.Headless, o.DataDir = host, names, envToken, true, t.TempDir()
	o.Out, o.Err = io.Discard, &out
	o.NewLogger = func(io.Writer) *slog.Logger { return slog.New(slog.DiscardHandler) }
	o.Confirm = func(q string) bool { question = q; return false }
	_, err = app.Stress(t.Context(), o)
	return question, out.String(), err
}

// A name that looks like loopback gets neither the token nor a load without a question.
func TestStressJudgesNamesByTheirAddresses(t *testing.T) {
	t.Parallel()
	names := endpointtest.Names(t, map[string][]string{
		"here.test": {"127.0.0.1", "::1"}, "localhost.away.test": {"192.0.2.1"}, "mixed.test": {"127.0.0.1", "192.0.2.1"},
	})
	for host, near := range map[string]bool{
		"http://here.test:8000": true, "here.test.:8000": true, "http://127.0.0.1:8000": true,
		"http://localhost.away.test": false, "http://mixed.test:8000": false, "http://unknown.test": false, "http://0.0.0.0:8000": false,
	} {
		question, said, err := storm(t, names, host, app.StressOptions{Users: 1500, SpawnRate: 1, RunTime: "100ms"})
		if !near && (err == nil || !strings.Contains(question, "1500 users")) {
			t.Errorf("%s: question %q, error %v", host, question, err)
		}
		if near && question != "" {
			t.Errorf("%s is asked for twice: %q", host, question)
		}
		if kept := strings.Contains(said, "is not sent over plain http"); kept == near {
			t.Errorf("%s: the token is kept back: %t\n%s", host, kept, said)
		}
	}
}

// TestStressSendsTheTokenToLoopback is what the next test needs to mean anything.
func TestStressSendsTheTokenToLoopback(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	names := endpointtest.Names(t, map[string][]string{"here.test": {"127.0.0.1"}})
	_, _, err := storm(t, names, "http://here.test:"+s.port, app.StressOptions{Users: 1, Check: true, Prepare: true})
	if err == nil || !s.sawToken() {
		t.Errorf("the token was sent: %t; %v", s.sawToken(), err)
	}
}

// A name that leads elsewhere once it was judged takes neither load nor token along.
func TestStressDoesNotFollowANameThatMoves(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	zone := endpointtest.NewZone(map[string][]string{"here.test": {"127.0.0.1"}})
	s.asked = func(string) { zone.Set("here.test", "192.0.2.1") } // with the first request
	_, _, err := storm(t, zone.Resolver(t), "http://here.test:"+s.port, app.StressOptions{Users: 1, Check: true, Prepare: true})
	if err == nil || !strings.Contains(err.Error(), "is not any more") {
		t.Errorf("the error is %v", err)
	}
	if s.sawToken() {
		t.Error("the token was sent") // the first request is one of those that users make
	}
}
