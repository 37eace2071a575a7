package smokecmd_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"onsale/cmd/onsale/internal/command"
	"onsale/cmd/onsale/internal/smokecmd"
	"onsale/internal/app/apptest"
	"onsale/internal/fault"
)

// smoke tries a server, with times that a busy machine keeps, and returns what it wrote.
func smoke(t *testing.T, c smokecmd.Command) (string, error) {
	t.Helper()
	return smokeWith(t, apptest.AdminToken, c)
}

// smokeWith is smoke with another admin token.
func smokeWith(t *testing.T, token string, c smokecmd.Command) (string, error) {
	t.Helper()
	if c.Timeout == 0 {
		c.Timeout = time.Minute
	}
	var out bytes.Buffer
	err := c.Run(t.Context(), &command.Env{
		Stdout: &out,
		Lookup: func(name string) (string, bool) { return token, name == "ONSALE_ADMIN_TOKEN" },
	})
	return out.String(), err
}

// doesNotSell reports whether an error is about the server rather than about the flags.
func doesNotSell(err error) bool {
	_, usage := errors.AsType[*command.UsageError](err)
	return err != nil && !usage
}

// A server that sells passes, and holds no ticket more than before.
func TestSmoke(t *testing.T) {
	t.Parallel()
	server := apptest.Serve(t, fault.Off())
	said, err := smoke(t, smokecmd.Command{URL: server, Wait: time.Minute})
	if err != nil || !strings.HasSuffix(said, "read it back: purchase and concert agree\nrefunded it\n") {
		t.Fatalf("%v, said\n%s", err, said)
	}
	books, err := apptest.Admin(t, server).Books(t.Context())
	if err != nil || len(books.Concerts) != 1 || books.Concerts[0].Sold != 0 || books.Concerts[0].Purchased != 0 {
		t.Errorf("the books are %+v, %v", books, err)
	}
}

// Each step finds the mistake that is in it: the answers of a real server are changed on their way.
func TestSmokeFails(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ method, path, old, with, want string }{
		"not ready":              {"GET", "/ready", "", "", "not ready after"},
		"no concert":             {"POST", "/concerts/new", "", "", "make a concert"},
		"no sale":                {"POST", "/buy/", "", "", "buy a ticket"},
		"sale of another number": {"POST", "/buy/", `"quantity":1`, `"quantity":2`, "buy a ticket"},
		"sold out":               {"POST", "/buy/", `"status":"success"`, `"status":"sold_out"`, "buy a ticket"},
		"no receipt":             {"GET", "/purchases/", "", "", "read the purchase back"},
		"another receipt":        {"GET", "/purchases/", "smoke-test@", "another@", "read the purchase back: got concert 1, e-mail \"another@"},
		"another number":         {"GET", "/purchases/", `"quantity":1`, `"quantity":3`, "quantity 3"},
		"refunded already":       {"GET", "/purchases/", `"quantity":1`, `"quantity":1,"refunded_at":"2026-01-01T00:00:00Z"`, "refunded true"},
		"no sale in the concert": {"GET", "/concerts/", `"sold":1`, `"sold":0`, "0 tickets are sold, want 1 or more"},
		"no refund":              {"DELETE", "/purchases/", `"refunded_at"`, `"other"`, "refund the purchase"},
		"no answer to a refund":  {"DELETE", "/purchases/", "", "", "refund the purchase"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			target, err := url.Parse(apptest.Serve(t, fault.Off()))
			if err != nil {
				t.Fatal(err)
			}
			apptest.Admin(t, target.String()) // waits until it is ready
			var changed atomic.Bool
			proxy := &httputil.ReverseProxy{
				Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) },
				ModifyResponse: func(answer *http.Response) error {
					if answer.Request.Method != c.method || !strings.HasPrefix(answer.Request.URL.Path, c.path) {
						return nil
					}
					body, err := io.ReadAll(answer.Body)
					if err != nil {
						return err
					}
					text := strings.Replace(string(body), c.old, c.with, 1)
					changed.Store(text != string(body))
					if c.old == "" {
						text, answer.StatusCode = `{"status":503,"code":"unavailable","message":"closed"}`, http.StatusServiceUnavailable
						answer.Header.Set("Content-Type", "application/problem+json")
						changed.Store(true)
					}
					answer.Body, answer.ContentLength = io.NopCloser(strings.NewReader(text)), int64(len(text))
					answer.Header.Del("Content-Length")
					return nil
				},
			}
			through := httptest.NewServer(proxy)
			defer through.Close()
			said, err := smoke(t, smokecmd.Command{URL: through.URL})
			if !doesNotSell(err) || !strings.Contains(err.Error(), c.want) || !changed.Load() {
				t.Errorf("changed %t: want an error with %q, got %v, said\n%s", changed.Load(), c.want, err, said)
			}
		})
	}
}

// Faults that turn buyers away are found, and so is a wrong token.
func TestSmokeOfAServerThatDoesNotSell(t *testing.T) {
	t.Parallel()
	if _, err := smoke(t, smokecmd.Command{URL: apptest.Serve(t, fault.Plan{Routes: map[string]fault.RouteFaults{"/buy/{concert_id}": {Error: 1}}}), Wait: time.Minute}); !doesNotSell(err) || !strings.Contains(err.Error(), "buy a ticket: ") {
		t.Errorf("a server that fails all purchases: %v", err)
	}
	_, err := smokeWith(t, "of-another-server", smokecmd.Command{URL: apptest.Serve(t, fault.Off()), Wait: time.Minute})
	if !doesNotSell(err) || !strings.Contains(err.Error(), "make a concert: ") || strings.Contains(err.Error(), "of-another-server") {
		t.Errorf("a wrong token: %v", err)
	}
}

// It waits for a server that is starting, but not longer than --wait.
func TestSmokeWaits(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	starting := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if asked.Add(1) < 3 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer starting.Close()
	if _, err := smoke(t, smokecmd.Command{URL: starting.URL, Wait: time.Minute}); err == nil || !strings.Contains(err.Error(), "make a concert") || asked.Load() != 4 {
		t.Errorf("after %d requests: %v", asked.Load(), err)
	}
	asked.Store(-1 << 20)
	if _, err := smoke(t, smokecmd.Command{URL: starting.URL}); !doesNotSell(err) || !strings.Contains(err.Error(), "not ready after 0s") {
		t.Errorf("without a wait: %v", err)
	}
}

func TestSmokeRefusesOptions(t *testing.T) {
	t.Parallel()
	for want, o := range map[string]smokecmd.Command{
		"--wait must be between 0s and 1h, not -1s":   {URL: "http://127.0.0.1:1", Wait: -time.Second},
		"--wait must be between 0s and 1h, not 2h":    {URL: "http://127.0.0.1:1", Wait: 2 * time.Hour},
		"--timeout must be between 1s and 5m, not 1m": {URL: "http://127.0.0.1:1", Timeout: time.Millisecond},
		"must look like http://127.0.0.1:8000":        {URL: "onsale:8000"},
		"neither a user":                              {URL: "http://a:b@127.0.0.1:1"},
	} {
		if _, err := smoke(t, o); err == nil || doesNotSell(err) || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: want an error with %q, got %v", o, want, err)
		}
	}
}
