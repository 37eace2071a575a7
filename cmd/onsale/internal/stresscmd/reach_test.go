package stresscmd_test

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/alecthomas/kong"

	"onsale/cmd/onsale/internal/command"
	"onsale/cmd/onsale/internal/stresscmd"
	"onsale/internal/endpoint/endpointtest"
)

const envToken = "the-token-of-the-environment"

// shop is a ticket API that records the tokens of requests.
type shop struct {
	port string
	// asked is called with the path of each request.
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

// parse returns `onsale stress` with these flags, and defaults for the others.
func parse(t *testing.T, args ...string) *stresscmd.RunCommand {
	t.Helper()
	c := new(stresscmd.RunCommand)
	parser, err := kong.New(c)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parser.Parse(args); err != nil {
		t.Fatal(err)
	}
	return c
}

// stress runs `onsale stress` with these flags and an admin token in the environment. It
// answers no prompt, and returns the output and the error.
func stress(t *testing.T, names *net.Resolver, token string, flags ...string) (said string, err error) {
	t.Helper()
	c := parse(t, append(flags, "--headless", "--data-dir", t.TempDir())...)
	var out bytes.Buffer
	err = c.Run(t.Context(), &command.Env{
		Lookup: func(name string) (string, bool) { return token, name == "ONSALE_ADMIN_TOKEN" },
		Stdin:  strings.NewReader(""), Stdout: io.Discard, Stderr: &out, Resolver: names,
		LogTo: func(io.Writer) *slog.Logger { return slog.New(slog.DiscardHandler) },
	})
	return out.String(), err
}

// TestStressJudgesNamesByTheirAddresses: a name that only looks like loopback gets no token,
// and needs confirmation.
func TestStressJudgesNamesByTheirAddresses(t *testing.T) {
	t.Parallel()
	names := endpointtest.Names(t, map[string][]string{
		"here.test": {"127.0.0.1", "::1"}, "localhost.away.test": {"192.0.2.1"}, "mixed.test": {"127.0.0.1", "192.0.2.1"},
	})
	for host, near := range map[string]bool{
		"http://here.test:8000": true, "here.test.:8000": true, "http://127.0.0.1:8000": true,
		"http://localhost.away.test": false, "http://mixed.test:8000": false, "http://unknown.test": false, "http://0.0.0.0:8000": false,
	} {
		said, err := stress(t, names, envToken, "--host="+host, "--users=1500", "--spawn-rate=1", "--run-time=100ms", "--no-check", "--no-keep")
		asked := strings.Contains(said, "1500 users") && strings.Contains(said, "Continue? [y/N]")
		if !near && (err == nil || !asked) {
			t.Errorf("%s: no prompt, error %v\n%s", host, err, said)
		}
		if near && asked {
			t.Errorf("%s needs confirmation:\n%s", host, said)
		}
		if kept := strings.Contains(said, "is not sent in plain text"); kept == near {
			t.Errorf("%s: the token is withheld: %t\n%s", host, kept, said)
		}
	}
}

// TestStressSendsTheTokenToLoopback is the negative control of the next test.
func TestStressSendsTheTokenToLoopback(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	names := endpointtest.Names(t, map[string][]string{"here.test": {"127.0.0.1"}})
	_, err := stress(t, names, envToken, "--host=http://here.test:"+s.port, "--users=1", "--prepare")
	if err == nil || !s.sawToken() {
		t.Errorf("the token was sent: %t; %v", s.sawToken(), err)
	}
}

// TestStressDoesNotFollowANameThatMoves: a name that later resolves to another address gets
// neither load nor token.
func TestStressDoesNotFollowANameThatMoves(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	zone := endpointtest.NewZone(map[string][]string{"here.test": {"127.0.0.1"}})
	s.asked = func(string) { zone.Set("here.test", "192.0.2.1") } // with the first request
	_, err := stress(t, zone.Resolver(t), envToken, "--host=http://here.test:"+s.port, "--users=1", "--prepare")
	if err == nil || !strings.Contains(err.Error(), "no longer resolves to a loopback address") {
		t.Errorf("the error is %v", err)
	}
	if s.sawToken() {
		t.Error("the token was sent") // the first request needs none
	}
}

// TestTokensOfTargets: a token that a load test only sends can have any length. A token that
// protects a server of the load test must be long enough.
func TestTokensOfTargets(t *testing.T) {
	t.Parallel()
	for flag, refused := range map[string]bool{"--run-time=1s": false, "--listen=127.0.0.1:0": true, "--metrics-addr=127.0.0.1:0": true} {
		_, err := stress(t, nil, "short", "--host=http://127.0.0.1:1", "--wait=0", "--users=1", flag)
		usage, ok := errors.AsType[*command.UsageError](err)
		if !ok || strings.Contains(usage.Error(), "the admin token") != refused {
			t.Errorf("%s: %v, want one about the token: %t, or else about the target", flag, err, refused)
		}
	}
}
