package healthcmd_test

import (
	"bytes"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"onsale/cmd/onsale/internal/command"
	"onsale/cmd/onsale/internal/healthcmd"
)

// health runs `onsale health` with a timeout that is long enough for a busy machine. If the
// answer is 200, it returns the requested URL.
func health(t *testing.T, c healthcmd.Command) (asked string, err error) {
	t.Helper()
	if c.Timeout == 0 {
		c.Timeout = 30 * time.Second
	}
	var out bytes.Buffer
	err = c.Run(t.Context(), &command.Env{Stdout: &out})
	return strings.TrimSuffix(out.String(), ": 200 OK\n"), err
}

// unhealthy reports whether an error is about the server rather than about the flags.
func unhealthy(err error) bool {
	_, usage := errors.AsType[*command.UsageError](err)
	return err != nil && !usage
}

func TestHealth(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/health", "/-/healthy":
		case "/ready":
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = w.Write([]byte(`{"status":503,"message":"the database is unreachable"}`))
		case "/moved":
			http.Redirect(w, r, "/health", http.StatusFound)
		case "/empty":
			w.WriteHeader(http.StatusNoContent)
		default:
			http.NotFound(w, r)
		}
	}))
	defer s.Close()
	_, port, err := net.SplitHostPort(s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		o         healthcmd.Command
		path, say string // the requested path, and the error if the server is not healthy
	}{
		"lives":              {healthcmd.Command{URL: s.URL}, "/health", ""},
		"lives, slash":       {healthcmd.Command{URL: s.URL + "/"}, "/health", ""},
		"another path":       {healthcmd.Command{URL: s.URL + "/-/healthy"}, "/-/healthy", ""},
		"not ready":          {healthcmd.Command{URL: s.URL, Ready: true}, "/ready", "503 Service Unavailable: the database is unreachable"},
		"no such path":       {healthcmd.Command{URL: s.URL + "/nothing"}, "/nothing", "404 Not Found"},
		"moved":              {healthcmd.Command{URL: s.URL + "/moved"}, "/moved", "302"},
		"an empty 204":       {healthcmd.Command{URL: s.URL + "/empty"}, "/empty", "204"},
		"this machine":       {healthcmd.Command{Listen: "127.0.0.1:" + port}, "/health", ""},
		"all addresses":      {healthcmd.Command{Listen: ":" + port}, "/health", ""},
		"all IPv4 addresses": {healthcmd.Command{Listen: "0.0.0.0:" + port}, "/health", ""},
		"all IPv6 addresses": {healthcmd.Command{Listen: "[::]:" + port}, "/health", ""},
		"a name":             {healthcmd.Command{Listen: "localhost:" + port}, "/health", ""},
		"not ready, listen":  {healthcmd.Command{Listen: ":" + port, Ready: true}, "/ready", "503"},
	} {
		asked, err := health(t, c.o)
		if err != nil {
			asked, _, _ = strings.Cut(strings.TrimPrefix(err.Error(), "unhealthy: "), ": ")
		}
		if !strings.HasPrefix(asked, "http://") || !strings.HasSuffix(asked, ":"+port+c.path) {
			t.Errorf("%s: requested %s", name, asked)
		}
		switch {
		case c.say == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case c.say != "" && (!unhealthy(err) || !strings.Contains(err.Error(), c.say)):
			t.Errorf("%s: %v, want one with %q", name, err, c.say)
		}
	}
}

// TestHealthOfNobody checks a port without a server, and a server that does not answer.
func TestHealthOfNobody(t *testing.T) {
	t.Parallel()
	silent, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close() // it accepts no connection
	gone, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone.Close()
	for address, c := range map[string]struct {
		timeout time.Duration
		say     string
	}{
		gone.Addr().String():   {30 * time.Second, "refused"},
		silent.Addr().String(): {50 * time.Millisecond, "no answer within 50ms"},
	} {
		_, err := health(t, healthcmd.Command{Listen: address, Timeout: c.timeout})
		if !unhealthy(err) || !strings.Contains(err.Error(), c.say) {
			t.Errorf("%v, want one with %q", err, c.say)
		}
	}
}

func TestHealthOptions(t *testing.T) {
	t.Parallel()
	const secret = "s3cr3t-of-the-test"
	for name, c := range map[string]struct {
		o   healthcmd.Command
		say string
	}{
		"no scheme":         {healthcmd.Command{URL: "127.0.0.1:8000"}, "http://127.0.0.1:8000"},
		"another scheme":    {healthcmd.Command{URL: "postgres://u:" + secret + "@h/d"}, "http://127.0.0.1:8000"},
		"no URL at all":     {healthcmd.Command{URL: "http://u:" + secret + "@h:p\x00"}, "http://127.0.0.1:8000"},
		"a user":            {healthcmd.Command{URL: "http://u:" + secret + "@127.0.0.1:8000"}, "user"},
		"ready with a path": {healthcmd.Command{URL: "http://127.0.0.1:8000/health", Ready: true}, "--ready"},
		"no port":           {healthcmd.Command{Listen: "127.0.0.1:0"}, "--listen"},
		"no listen":         {healthcmd.Command{}, "--listen"},
		"listen is a URL":   {healthcmd.Command{Listen: "http://u:" + secret + "@h:1"}, "--listen"},
		"too short":         {healthcmd.Command{Listen: ":1", Timeout: time.Millisecond}, "--timeout"},
		"too long":          {healthcmd.Command{Listen: ":1", Timeout: time.Hour}, "--timeout"},
		"negative":          {healthcmd.Command{Listen: ":1", Timeout: -time.Second}, "--timeout"},
	} {
		_, err := health(t, c.o)
		switch {
		case err == nil || unhealthy(err) || !strings.Contains(err.Error(), c.say):
			t.Errorf("%s: %v, want one with %q", name, err, c.say)
		case strings.Contains(err.Error(), secret):
			t.Errorf("%s: the password is shown: %v", name, err)
		}
	}
}
