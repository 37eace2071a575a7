package app_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"onsale/internal/app"
	"onsale/internal/lock"
)

// posted is a notification in the format of Alertmanager.
const posted = `{"version":"4","groupKey":"g","alerts":[{"status":"firing","labels":{"alertname":"A"},"startsAt":"2026-01-31T12:00:00Z"}]}`

// startReceiver starts a receiver on a free port and returns the URL at which this
// machine reaches it.
func startReceiver(t *testing.T, change func(*app.ReceiverOptions)) (url string, out *saying) {
	t.Helper()
	o := app.DefaultReceiverOptions()
	out = new(saying)
	o.Listen, o.DataDir, o.Out = "127.0.0.1:0", t.TempDir(), out
	change(&o)
	r, err := app.NewReceiver(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("receiver: %v", err)
		}
	})
	_, port, err := net.SplitHostPort(r.Addr())
	if err != nil {
		t.Fatal(err)
	}
	return "http://127.0.0.1:" + port, out
}

// TestReceiverIsOpenToSenders: on loopback anyone can post. On other addresses, senders need
// the token, as bearer token or password. With the token none, anyone can post, and the
// receiver warns.
func TestReceiverIsOpenToSenders(t *testing.T) {
	t.Parallel()
	const token = "the-token-of-the-senders"
	bearer := func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) }
	basic := func(r *http.Request) { r.SetBasicAuth("alertmanager", token) }
	wrong := func(r *http.Request) { r.SetBasicAuth(token, "another-token-of-the-senders") }
	none := func(*http.Request) {}
	stranger := func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") }
	rebound := func(r *http.Request) { r.Host = "evil.example" }
	named := func(r *http.Request) { r.Host = "receiver:9095" }
	external := func(r *http.Request) { r.Host = "alerts.example.com" }
	for name, c := range map[string]struct {
		listen, token, says string
		change              func(*http.Request)
		want                int
	}{
		"loopback":                    {"127.0.0.1:0", "", "ready on", none, 200},
		"loopback, page of a site":    {"127.0.0.1:0", "", "", stranger, 403},
		"loopback, name of a site":    {"127.0.0.1:0", "", "", rebound, 421},
		"loopback with a token":       {"127.0.0.1:0", token, "", none, 401},
		"elsewhere":                   {"0.0.0.0:0", "", "posting is disabled on this address", none, 403},
		"elsewhere, no token":         {"0.0.0.0:0", token, "other machines can reach this server", none, 401},
		"elsewhere, bearer token":     {"0.0.0.0:0", token, "", bearer, 200},
		"elsewhere, password":         {"0.0.0.0:0", token, "", basic, 200},
		"elsewhere, wrong password":   {"0.0.0.0:0", token, "", wrong, 401},
		"open to all":                 {"0.0.0.0:0", "none", "WARNING: anyone who can reach this address can post", named, 200},
		"open to all, name of a site": {"0.0.0.0:0", "none", "", rebound, 421},
		"open to all, own name":       {"0.0.0.0:0", "none", "https://alerts.example.com/inbox", external, 200},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url, out := startReceiver(t, func(o *app.ReceiverOptions) {
				o.Listen, o.AdminToken, o.ExternalURL = c.listen, c.token, "https://alerts.example.com"
			})
			for _, path := range []string{"/alertmanager", "/grafana"} {
				r, err := http.NewRequest(http.MethodPost, url+path, strings.NewReader(posted))
				if err != nil {
					t.Fatal(err)
				}
				c.change(r)
				answer, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(r)
				if err != nil {
					t.Fatal(err)
				}
				answer.Body.Close()
				if answer.StatusCode != c.want {
					t.Errorf("%s: %d, want %d", path, answer.StatusCode, c.want)
				}
			}
			await(t, c.says, func() bool { return strings.Contains(out.String(), c.says) })
			if strings.Contains(out.String(), "WARNING") != (c.token == "none") {
				t.Errorf("the output is\n%s", out)
			}
		})
	}
}

// TestReceiverAnswersProbes: reading needs no token.
func TestReceiverAnswersProbes(t *testing.T) {
	t.Parallel()
	url, _ := startReceiver(t, func(o *app.ReceiverOptions) { o.AdminToken = "the-token-of-the-senders" })
	for path, want := range map[string]string{
		"/health": "", "/ready": "", "/inbox": `{"notifications":[]}`, "/": `{"notifications":[]}`,
		"/metrics": `onsale_notifications_received_total{result="accepted"} 0`,
	} {
		if status, body := get(t, url+path); status != http.StatusOK || !strings.Contains(body, want) || want == "" && body != "" {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	_, metrics := get(t, url+"/metrics")
	for _, name := range []string{"undelivered", "oldest_undelivered_seconds", "delivered_total", "failed_total"} {
		if !strings.Contains(metrics, "\nonsale_notifications_"+name+" 0") {
			t.Errorf("/metrics has no onsale_notifications_%s", name)
		}
	}
	for path, want := range map[string]int{"/alertmanager": 405, "/nowhere": 404} {
		if status, body := get(t, url+path); status != want {
			t.Errorf("%s: %d %s, want %d", path, status, body, want)
		}
	}
}

// TestReceiversShareNoDirectory: two receivers with one inbox would overwrite each other's
// notifications.
func TestReceiversShareNoDirectory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	startReceiver(t, func(o *app.ReceiverOptions) { o.DataDir = dir })
	o := app.DefaultReceiverOptions()
	o.Listen, o.DataDir = "127.0.0.1:0", dir
	if _, err := app.NewReceiver(t.Context(), o); !errors.Is(err, lock.ErrTaken) || !strings.Contains(err.Error(), "--data-dir") {
		t.Errorf("a second receiver starts: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	o.DataDir = filepath.Join(dir, "file")
	if _, err := app.NewReceiver(t.Context(), o); err == nil || !strings.Contains(err.Error(), "--data-dir") {
		t.Errorf("a receiver starts with a file as its directory: %v", err)
	}
}

func TestReceiverOptions(t *testing.T) {
	t.Parallel()
	if err := app.DefaultReceiverOptions().Validate(); err != nil {
		t.Error(err)
	}
	var names []string
	for name, change := range map[string]func(*app.ReceiverOptions){
		"--listen":           func(o *app.ReceiverOptions) { o.Listen = "9095" },
		"--data-dir":         func(o *app.ReceiverOptions) { o.DataDir = "" },
		"--admin-token-file": func(o *app.ReceiverOptions) { o.AdminToken = "short" },
		"--allowed-hosts":    func(o *app.ReceiverOptions) { o.AllowedHosts = []string{"http://a"} },
		"--external-url":     func(o *app.ReceiverOptions) { o.ExternalURL = "alerts.example.com" },
		"--shutdown-timeout": func(o *app.ReceiverOptions) { o.ShutdownTimeout = 0 },
		"DISCORD_URL":        func(o *app.ReceiverOptions) { o.DiscordURL = "https://discord.com/channels/1/2" },
		"DISCORD_MENTION":    func(o *app.ReceiverOptions) { o.DiscordMention = "everybody" },
	} {
		o := app.DefaultReceiverOptions()
		change(&o)
		if err := o.Validate(); err == nil || !strings.Contains(err.Error(), name) {
			names = append(names, name)
		}
	}
	if slices.Sort(names); len(names) > 0 {
		t.Errorf("not rejected with the name of the option: %v", names)
	}
}
