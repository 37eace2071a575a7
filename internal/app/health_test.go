package app_test

import (
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"onsale/internal/app"
)

// health asks with a time-out that a busy machine keeps.
func health(t *testing.T, o app.HealthOptions) (string, error) {
	t.Helper()
	if o.Timeout == 0 {
		o.Timeout = 30 * time.Second
	}
	return app.Health(t.Context(), o)
}

func TestHealth(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/health", "/-/healthy":
		case "/ready":
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = w.Write([]byte(`{"status":503,"message":"the database is away"}`))
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
		o         app.HealthOptions
		path, say string // what is asked, and what is said if it is not healthy
	}{
		"lives":              {app.HealthOptions{URL: s.URL}, "/health", ""},
		"lives, slash":       {app.HealthOptions{URL: s.URL + "/"}, "/health", ""},
		"another path":       {app.HealthOptions{URL: s.URL + "/-/healthy"}, "/-/healthy", ""},
		"not ready":          {app.HealthOptions{URL: s.URL, Ready: true}, "/ready", "503 Service Unavailable: the database is away"},
		"no such path":       {app.HealthOptions{URL: s.URL + "/nothing"}, "/nothing", "404 Not Found"},
		"moved":              {app.HealthOptions{URL: s.URL + "/moved"}, "/moved", "302"},
		"an empty 204":       {app.HealthOptions{URL: s.URL + "/empty"}, "/empty", "204"},
		"this machine":       {app.HealthOptions{Listen: "127.0.0.1:" + port}, "/health", ""},
		"all addresses":      {app.HealthOptions{Listen: ":" + port}, "/health", ""},
		"all IPv4 addresses": {app.HealthOptions{Listen: "0.0.0.0:" + port}, "/health", ""},
		"all IPv6 addresses": {app.HealthOptions{Listen: "[::]:" + port}, "/health", ""},
		"a name":             {app.HealthOptions{Listen: "localhost:" + port}, "/health", ""},
		"not ready, listen":  {app.HealthOptions{Listen: ":" + port, Ready: true}, "/ready", "503"},
	} {
		asked, err := health(t, c.o)
		if !strings.HasPrefix(asked, "http://") || !strings.HasSuffix(asked, ":"+port+c.path) {
			t.Errorf("%s: asked %s", name, asked)
		}
		switch {
		case c.say == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case c.say != "" && (!errors.Is(err, app.ErrUnhealthy) || !strings.Contains(err.Error(), c.say)):
			t.Errorf("%s: %v, want one with %q", name, err, c.say)
		}
	}
}

// TestHealthOfNobody asks a port that nothing listens on, and a server that does not answer.
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
		_, err := health(t, app.HealthOptions{Listen: address, Timeout: c.timeout})
		if !errors.Is(err, app.ErrUnhealthy) || !strings.Contains(err.Error(), c.say) {
			t.Errorf("%v, want one with %q", err, c.say)
		}
	}
}

func TestHealthOptions(t *testing.T) {
	t.Parallel()
	const secret = "s3cr3t-of-the-test"
	for name, c := range map[string]struct {
		o   app.HealthOptions
		say string
	}{
		"no scheme":         {app.HealthOptions{URL: "127.0.0.1:8000"}, "http://127.0.0.1:8000"},
		"another scheme":    {app.HealthOptions{URL: "postgres://u:" + secret + "@h/d"}, "http://127.0.0.1:8000"},
		"no URL at all":     {app.HealthOptions{URL: "http://u:" + secret + "@h:p\x00"}, "http://127.0.0.1:8000"},
		"a user":            {app.HealthOptions{URL: "http://u:" + secret + "@127.0.0.1:8000"}, "user"},
		"ready with a path": {app.HealthOptions{URL: "http://127.0.0.1:8000/health", Ready: true}, "--ready"},
		"no port":           {app.HealthOptions{Listen: "127.0.0.1:0"}, "--listen"},
		"no listen":         {app.HealthOptions{}, "--listen"},
		"listen is a URL":   {app.HealthOptions{Listen: "http://u:" + secret + "@h:1"}, "--listen"},
		"too short":         {app.HealthOptions{Listen: ":1", Timeout: time.Millisecond}, "--timeout"},
		"too long":          {app.HealthOptions{Listen: ":1", Timeout: time.Hour}, "--timeout"},
		"negative":          {app.HealthOptions{Listen: ":1", Timeout: -time.Second}, "--timeout"},
	} {
		_, err := health(t, c.o)
		switch {
		case err == nil || errors.Is(err, app.ErrUnhealthy) || !strings.Contains(err.Error(), c.say):
			t.Errorf("%s: %v, want one with %q", name, err, c.say)
		case strings.Contains(err.Error(), secret):
			t.Errorf("%s: the password is shown: %v", name, err)
		}
	}
}
