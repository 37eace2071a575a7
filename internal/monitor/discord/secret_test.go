package discord_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"onsale/internal/endpoint/endpointtest"
	"onsale/internal/monitor/discord"
	"onsale/internal/monitor/discord/discordtest"
)

// transport is a function that implements [http.RoundTripper].
type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// leaks fails the test if one of the texts contains a secret part of the webhook.
func leaks(t *testing.T, seen ...string) {
	t.Helper()
	for _, s := range seen {
		for _, secret := range []string{discordtest.Token, url.QueryEscape(discordtest.Path), "api/webhooks/ID"} {
			if strings.Contains(s, secret) {
				t.Errorf("%q appears in\n%s", secret, s)
			}
		}
	}
}

// fail sends a notification to an address that fails, and returns the error in the inbox.
func fail(t *testing.T, address string, through http.RoundTripper) string {
	t.Helper()
	l := &logs{}
	inbox := discord.NewInbox("", l.logger())
	n, err := discord.New(discord.Options{URL: discord.Secret(address), Inbox: inbox, Transport: through, Logger: l.logger()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- n.Run(ctx) }()
	_, refused := n.Notify(ctx, firing("HighFailureRate", "critical"))
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	inbox.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/inbox", http.NoBody))
	reason := inbox.List(1)[0].Delivery.LastError
	if reason == "" {
		t.Error("the inbox has no error")
	}
	leaks(t, fmt.Sprint(refused), l.String(), w.Body.String(), fmt.Sprintf("%+v %#v", n, n))
	return reason
}

func TestNoFailureShowsTheWebhook(t *testing.T) {
	t.Parallel()
	echo := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprintf(w, `{"message":"no such thing as %s or %s","code":1}`, r.URL, discordtest.Token)
	}))
	defer echo.Close()
	moved := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/elsewhere" {
			t.Error("the redirect was followed")
		}
		http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
	}))
	defer moved.Close()
	lost := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", "http://[bad"+r.URL.Path)
		w.WriteHeader(http.StatusFound)
	}))
	defer lost.Close()
	broken := httptest.NewUnstartedServer(http.NotFoundHandler())
	broken.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	broken.StartTLS()
	defer broken.Close()
	closed, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	for name, c := range map[string]struct {
		address, want string
	}{
		"refused with an echo": {echo.URL, "403 Forbidden, \"no such thing as ***?wait=true or ***\" (code 1): check DISCORD_URL"},
		"redirect":             {moved.URL, "307 Temporary Redirect; redirects are not followed"},
		"broken redirect":      {lost.URL, "failed to parse Location header"},
		"untrusted":            {broken.URL, "certificate"},
		"closed port":          {"http://" + closed.Addr().String(), "refused"},
	} {
		t.Run(name, func(t *testing.T) {
			if reason := fail(t, c.address+discordtest.Path, nil); !strings.Contains(reason, c.want) {
				t.Errorf("the reason is %q", reason)
			}
		})
	}
}

func TestNoTimeoutShowsTheWebhook(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := discordtest.New()
		r.Next(1, discordtest.Hang())
		began := time.Now()
		if reason := fail(t, hook, r); reason != "no answer within 10s" || time.Since(began) != 10*time.Second {
			t.Errorf("after %s the reason is %q", time.Since(began), reason)
		}
	})
}

func TestTransportErrorsShowNoSecret(t *testing.T) {
	t.Parallel()
	reason := fail(t, hook+"?thread_id=1234567", transport(func(r *http.Request) (*http.Response, error) {
		return nil, fmt.Errorf("cannot reach %s: path %q, query %q", r.URL, r.URL.Path, r.URL.RawQuery)
	}))
	if strings.Contains(reason, "1234567") || !strings.HasPrefix(reason, "cannot reach ***") {
		t.Errorf("the reason is %q", reason)
	}
}

func TestUnusableWebhookIsRejectedAndNotShown(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"discord.com" + discordtest.Path:         "DISCORD_URL must begin with https://",
		"ftp://example.com" + discordtest.Path:   "DISCORD_URL must begin with https://",
		"https://" + discordtest.Path:            "DISCORD_URL must name a host",
		"http://discord.com" + discordtest.Path:  "because http:// would expose the webhook",
		"http://203.0.113.7" + discordtest.Path:  "because http:// would expose the webhook",
		"https://a b" + discordtest.Path:         "DISCORD_URL is not a URL",
		"https://a\n" + discordtest.Path:         "DISCORD_URL is not a URL",
		"https://example.com" + "/%zz" + "Token": "DISCORD_URL is not a URL",
	} {
		_, err := discord.New(discord.Options{URL: discord.Secret(address)})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s gives %v", address, err)
			continue
		}
		leaks(t, err.Error())
	}
	for _, address := range []string{"https://discord.example", "http://localhost:1", "http://127.0.0.1:1", "http://[::1]:1", "http://192.168.1.2", "http://receiver:8080", " https://example.com"} {
		if _, err := discord.New(discord.Options{URL: discord.Secret(address + discordtest.Path + "\n")}); err != nil {
			t.Errorf("%s is rejected: %v", address, err)
		}
	}
	if _, err := discord.New(discord.Options{URL: hook, Mention: "you"}); err == nil || !strings.Contains(err.Error(), "DISCORD_MENTION") {
		t.Errorf("an invalid mention gives %v", err)
	}
}

func TestSecretsPrintAsStars(t *testing.T) {
	t.Parallel()
	o := discord.Options{URL: hook}
	raw, err := json.Marshal(map[string]any{"url": o.URL})
	if err != nil {
		t.Fatal(err)
	}
	l := &logs{}
	l.logger().Info("options", "url", o.URL)
	printed := fmt.Sprintf("%v %+v %#v %s %q %x", o, o, o, o.URL, o.URL, o.URL)
	if !strings.Contains(printed, "***") || !strings.Contains(l.String(), "url=***") {
		t.Errorf("no stars in %q and %q", printed, l)
	}
	leaks(t, string(raw), l.String(), printed)
}

// numbered is the path of a webhook as Discord creates it. The ID is built at run time so
// that no file of the repository contains a complete one.
var numbered = "/api/webhooks/" + strings.Repeat("1", 19) + "/" + discordtest.Token

func TestRequestIsWhatDiscordExpects(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"https://discord.com" + numbered:                                    "https://discord.com/api/v10" + strings.TrimPrefix(numbered, "/api") + "?wait=true",
		"https://ptb.discord.com" + numbered + "?thread_id=1":               "https://ptb.discord.com/api/v10" + strings.TrimPrefix(numbered, "/api") + "?thread_id=1&wait=true",
		"https://discordapp.com/api/v9/webhooks/12/a-token/?wait=true":      "https://discordapp.com/api/v10/webhooks/12/a-token?wait=true",
		"'https://Canary.Discord.com" + numbered + "' \n":                   "https://Canary.Discord.com/api/v10" + strings.TrimPrefix(numbered, "/api") + "?wait=true",
		"https://notdiscord.com" + discordtest.Path + "?wait=false#nothing": "https://notdiscord.com" + discordtest.Path + "?wait=true",
	} {
		reached := ""
		n, err := discord.New(discord.Options{URL: discord.Secret(given), Transport: transport(func(r *http.Request) (*http.Response, error) {
			reached = r.URL.String()
			return &http.Response{StatusCode: http.StatusNoContent, Body: http.NoBody, Header: http.Header{}}, nil
		})})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- n.Run(ctx) }()
		if _, err := n.Notify(ctx, firing("A", "info")); err != nil {
			t.Errorf("%s: %v", given, err)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if reached != want {
			t.Errorf("%s reached %s instead of %s", given, reached, want)
		}
	}
}

// deliver sends a notification to a webhook without TLS and returns the outcome.
func deliver(t *testing.T, names *net.Resolver, address string) discord.Delivery {
	t.Helper()
	l := &logs{}
	inbox := discord.NewInbox("", l.logger())
	n, err := discord.New(discord.Options{URL: discord.Secret(address), Inbox: inbox, Resolver: names, Logger: l.logger()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- n.Run(ctx) }()
	_, _ = n.Notify(ctx, firing("HighFailureRate", "critical"))
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	return inbox.List(1)[0].Delivery
}

// named returns the URL of a receiver with another host name.
func named(t *testing.T, r *discordtest.Receiver, name string) string {
	t.Helper()
	u, err := url.Parse(r.URL())
	if err != nil {
		t.Fatal(err)
	}
	u.Host = name + ":" + u.Port()
	return u.String()
}

// A name without a dot may resolve to any address. A webhook without TLS is called only
// if it resolves to a loopback or private address.
func TestWithoutTLSTheResolvedAddressIsChecked(t *testing.T) {
	t.Parallel()
	receiver := discordtest.Start()
	t.Cleanup(receiver.Close)
	names := endpointtest.Names(t, map[string][]string{"receiver": {"127.0.0.1"}, "away": {"192.0.2.1"}})
	if got := deliver(t, names, named(t, receiver, "receiver")); got.State != discord.Delivered {
		t.Errorf("a receiver on loopback: %+v", got)
	}
	if got := deliver(t, names, named(t, receiver, "away")); !strings.Contains(got.LastError, "http:// is allowed for loopback and private addresses only") {
		t.Errorf("a receiver at a public address: %+v", got)
	}
}

// A proxy would forward a message without TLS in plain text. net/http reads the proxy
// variables once per process, so the test runs in a child process.
func TestWithoutTLSNoProxyIsUsed(t *testing.T) {
	t.Parallel()
	const inChild = "ONSALE_TEST_PROXIED"
	if os.Getenv(inChild) == "" {
		proxy := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the proxy was used") }))
		t.Cleanup(proxy.Close)
		child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$")
		child.Env = append(os.Environ(), inChild+"=yes", "HTTP_PROXY="+proxy.URL, "http_proxy="+proxy.URL, "NO_PROXY=", "no_proxy=")
		if out, err := child.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	receiver := discordtest.Start()
	t.Cleanup(receiver.Close)
	names := endpointtest.Names(t, map[string][]string{"receiver": {"127.0.0.1"}})
	if got := deliver(t, names, named(t, receiver, "receiver")); got.State != discord.Delivered {
		t.Errorf("%+v", got)
	}
}
