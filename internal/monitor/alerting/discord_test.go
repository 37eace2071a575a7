package alerting_test

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/alertmanager/alert"
	"github.com/prometheus/alertmanager/config"
	"github.com/prometheus/alertmanager/config/receiver"
	"github.com/prometheus/alertmanager/notify"
	"github.com/prometheus/alertmanager/template"
)

// hook is a webhook. It uses answers for its first calls and answers all later ones
// with 204.
type hook struct {
	*httptest.Server
	mu      sync.Mutex
	answers []func(http.ResponseWriter)
	at      []time.Time
	bodies  []string
	paths   []string
	taken   chan string
	called  chan struct{}
}

func newHook(t *testing.T, answers ...func(http.ResponseWriter)) *hook {
	t.Helper()
	h := &hook{answers: answers, taken: make(chan string, 100), called: make(chan struct{}, 100)}
	h.Server = httptest.NewServer(h)
	t.Cleanup(h.Close)
	return h
}

func (h *hook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.at = append(h.at, time.Now())
	h.bodies = append(h.bodies, string(body))
	h.paths = append(h.paths, r.URL.String())
	h.called <- struct{}{}
	if call := len(h.at); call <= len(h.answers) {
		h.answers[call-1](w)
		return
	}
	w.WriteHeader(http.StatusNoContent)
	h.taken <- string(body)
}

// wait waits for a number of calls.
func (h *hook) wait(t *testing.T, calls int) {
	t.Helper()
	for range calls {
		<-h.called
	}
}

func status(code int, body string, header ...string) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(code)
		_, _ = io.WriteString(w, body)
	}
}

// discordFile returns a configuration file with one Discord webhook.
func discordFile(host string, more ...string) string {
	return fmt.Sprintf(`route: {receiver: chat, group_wait: 10ms, group_interval: 100ms}
receivers:
  - name: chat
    discord_configs:
      - webhook_url: %s/api/webhooks/ID/TOKEN-of-a-hook
        %s
`, host, strings.Join(more, "\n        "))
}

func TestRateLimitedDiscordMessageIsRetriedAfterThePause(t *testing.T) {
	t.Parallel()
	for name, limited := range map[string]func(http.ResponseWriter){
		"header": status(http.StatusTooManyRequests, "", "Retry-After", "0.7"),
		"body":   status(http.StatusTooManyRequests, `{"message":"You are being rate limited.","retry_after":0.7,"global":false}`),
		"date":   status(http.StatusTooManyRequests, "", "Retry-After", time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat)),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHook(t, limited, status(http.StatusInternalServerError, "try again"))
			m := run(t, withFile(t, options(t, newListener()), discordFile(h.URL)))
			m.fire(t, named("InstanceDown"))
			<-h.taken
			m.stop()
			if len(h.at) != 3 {
				t.Errorf("the webhook was called %d times, want 3", len(h.at))
			}
			if paused := h.at[1].Sub(h.at[0]); name != "date" && paused < 700*time.Millisecond {
				t.Errorf("called again after %s, want at least the 0.7 s of Retry-After", paused)
			}
		})
	}
}

// A webhook in the user's file is called in the same way as the built-in one.
func TestUserWebhookIsCalledLikeTheBuiltInOne(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		first func(http.ResponseWriter)
		calls int
		pause time.Duration
		logs  string
	}{
		"5xx asks to wait": {status(http.StatusServiceUnavailable, "", "Retry-After", "1"), 2, time.Second, ""},
		"408":              {status(http.StatusRequestTimeout, ""), 2, 0, ""},
		"window is spent":  {status(http.StatusOK, "", "X-RateLimit-Remaining", "0", "X-RateLimit-Reset-After", "1"), 2, time.Second, ""},
		"redirect":         {status(http.StatusTemporaryRedirect, "", "Location", "/elsewhere/TOKEN-of-a-hook"), 2, 0, "307 Temporary Redirect; redirects are not followed"},
		"refused":          {status(http.StatusForbidden, `{"message":"not for TOKEN-of-a-hook","code":50001}`), 2, 0, `403 Forbidden, \"not for ***\" (code 50001): check webhook_url`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, lines := newHook(t, c.first), &logged{}
			o := withFile(t, options(t, newListener()), discordFile(h.URL))
			o.Logger = lines.logger(slog.LevelDebug)
			m := run(t, o)
			down := named("InstanceDown")
			m.fire(t, down)
			if name == "window is spent" {
				// The first message was accepted, so only the next one shows the pause.
				h.wait(t, 1)
				m.resolve(t, down)
			}
			<-h.taken
			m.stop()
			h.mu.Lock()
			defer h.mu.Unlock()
			if len(h.at) != c.calls || h.at[1].Sub(h.at[0]) < c.pause {
				t.Errorf("%d calls, %s apart, want %d, at least %s apart", len(h.at), h.at[1].Sub(h.at[0]), c.calls, c.pause)
			}
			for _, path := range h.paths {
				if path != "/api/webhooks/ID/TOKEN-of-a-hook?wait=true" {
					t.Errorf("called at %s", path)
				}
			}
			if log := lines.String(); !strings.Contains(log, c.logs) || strings.Contains(log, "TOKEN-of") {
				t.Errorf("want %q and no token in the log: %s", c.logs, log)
			}
		})
	}
}

// The library's own Discord integration drops a message on 429. That is why Onsale has
// its own.
func TestLibraryDropsRateLimitedMessage(t *testing.T) {
	t.Parallel()
	h := newHook(t, status(http.StatusTooManyRequests, ""))
	parsed, err := config.Load(discordFile(h.URL))
	if err != nil {
		t.Fatal(err)
	}
	templates, err := template.FromGlobs(nil)
	if err != nil {
		t.Fatal(err)
	}
	templates.ExternalURL = &url.URL{}
	integrations, err := receiver.BuildReceiverIntegrations(parsed.Receivers[0], templates, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx := notify.WithReceiverName(notify.WithGroupKey(t.Context(), "group"), "chat")
	retry, err := integrations[0].Notify(ctx, &alert.Alert{Alert: *named("InstanceDown")})
	if err == nil || retry {
		t.Errorf("the library now retries on 429 (%v, %v): discordHook can be removed", retry, err)
	}
}

func TestOtherWebhooksAreRetriedAfterRateLimit(t *testing.T) {
	t.Parallel()
	h := newHook(t, status(http.StatusTooManyRequests, ""))
	m := run(t, withFile(t, options(t, newListener()), fmt.Sprintf(`route: {receiver: hook, group_wait: 10ms, group_interval: 1h}
receivers: [{name: hook, webhook_configs: [{url: '%s'}]}]
`, h.URL)))
	m.fire(t, named("InstanceDown"))
	if body := <-h.taken; !strings.Contains(body, "InstanceDown") {
		t.Errorf("the webhook received %s", body)
	}
}

func TestDiscordMessageUsesTheUsersTemplates(t *testing.T) {
	t.Parallel()
	h := newHook(t)
	o := withFile(t, options(t, newListener()), discordFile(h.URL,
		`title: '{{ template "mine" . }}'`, `content: '{{ .ExternalURL }}'`, "message: '"+strings.Repeat("ü", 5000)+"'", "username: Onsale")+"templates: ['*.tmpl']\n")
	if err := os.WriteFile(filepath.Join(filepath.Dir(o.ConfigFile), "mine.tmpl"), []byte(`{{ define "mine" }}my {{ .Status }}{{ end }}`), 0o600); err != nil {
		t.Fatal(err)
	}
	m := run(t, o)
	down := named("InstanceDown")
	m.fire(t, down)
	firing := <-h.taken
	m.resolve(t, down)
	resolved := <-h.taken
	for body, want := range map[string]struct {
		title string
		color int
	}{firing: {"my firing", 0x992D22}, resolved: {"my resolved", 0x2ECC71}} {
		var got struct {
			Content, Username string
			Embeds            []struct {
				Title, Description string
				Color              int
			}
		}
		if err := json.Unmarshal([]byte(body), &got); err != nil {
			t.Fatal(err)
		}
		if e := got.Embeds[0]; e.Title != want.title || e.Color != want.color || len([]rune(e.Description)) != 4096 {
			t.Errorf("got title %q, colour %x and %d characters", e.Title, e.Color, len([]rune(e.Description)))
		}
		if got.Content != "http://127.0.0.1:8000" || got.Username != "Onsale" {
			t.Errorf("got content %q from user %q", got.Content, got.Username)
		}
	}
}

func TestSecretsAreNeverShown(t *testing.T) {
	t.Parallel()
	lines := &logged{}
	o := withFile(t, options(t, newListener()), everyKind)
	o.Logger = lines.logger(slog.LevelDebug)
	m := run(t, o)
	for _, path := range []string{"/api/v2/status", "/api/v2/receivers"} {
		if answer := m.get(t, path); strings.Contains(answer, "SECRET") {
			t.Errorf("%s shows a secret: %s", path, answer)
		}
	}
	m.stop()
	if strings.Contains(lines.String(), "SECRET") {
		t.Errorf("the log shows a secret: %s", lines)
	}
}

// Every failed notification is logged, and no log line contains the address or the key.
func TestNoSecretIsLoggedWhenNotifyingFails(t *testing.T) {
	t.Parallel()
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	// A server that repeats the URL of the request in its error.
	refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, "cannot "+r.Method+" "+r.URL.String(), http.StatusNotFound)
	}))
	t.Cleanup(refusing.Close)
	file := func(name, content string) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(content+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	closedURL, refusedURL := file("closed", closed.URL+"/SECRET-in-a-file"), file("refused", refusing.URL+"/SECRET-in-a-file")
	for name, kind := range map[string]string{
		"discord, nobody listens":  "discord_configs: [{webhook_url: '" + closed.URL + "/api/webhooks/ID/SECRET-token-of-a-hook'}]",
		"discord, no such host":    "discord_configs: [{webhook_url: 'http://host.invalid/api/webhooks/ID/SECRET-token-of-a-hook'}]",
		"discord, url in a file":   "discord_configs: [{webhook_url_file: '" + closedURL + "'}]",
		"discord, file, refused":   "discord_configs: [{webhook_url_file: '" + refusedURL + "'}]",
		"discord, no such file":    "discord_configs: [{webhook_url_file: '" + closedURL + ".not'}]",
		"discord, refused":         "discord_configs: [{webhook_url: '" + refusing.URL + "/api/webhooks/ID/SECRET-token-of-a-hook'}]",
		"slack, nobody listens":    "slack_configs: [{channel: a, api_url: '" + closed.URL + "/SECRET-slack'}]",
		"webhook, nobody listens":  "webhook_configs: [{url: '" + closed.URL + "/SECRET-webhook'}]",
		"webhook, refused":         "webhook_configs: [{url: '" + refusing.URL + "/SECRET-webhook'}]",
		"telegram, nobody listens": "telegram_configs: [{chat_id: 1, bot_token: SECRET-bot, api_url: '" + closed.URL + "'}]",
		"telegram, token in file":  "telegram_configs: [{chat_id: 1, bot_token_file: '" + closedURL + "', api_url: '" + closed.URL + "'}]",
		"msteams, nobody listens":  "msteams_configs: [{webhook_url: '" + closed.URL + "/SECRET-teams'}]",
		"victorops, nobody":        "victorops_configs: [{api_url: '" + closed.URL + "/', api_key: SECRET-victor, routing_key: SECRET-routing}]",
		"victorops, refused":       "victorops_configs: [{api_url: '" + refusing.URL + "/', api_key: SECRET-victor, routing_key: SECRET-routing}]",
		"mattermost, nobody":       "mattermost_configs: [{webhook_url: '" + closed.URL + "/SECRET-mattermost'}]",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lines := &logged{}
			o := withFile(t, options(t, newListener()), "route: {receiver: a, group_wait: 10ms, group_interval: 50ms}\nreceivers:\n  - name: a\n    "+kind+"\n")
			o.Logger = lines.logger(slog.LevelDebug)
			m := run(t, o)
			m.fire(t, named("InstanceDown"))
			for deadline := time.Now().Add(5 * time.Second); !strings.Contains(lines.String(), `msg="Notify`); time.Sleep(time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatalf("no failure was logged: %s", lines)
				}
			}
			m.stop()
			for line := range strings.Lines(lines.String()) {
				if strings.Contains(line, "SECRET") {
					t.Errorf("a line shows the secret: %s", line)
				}
			}
			if !strings.Contains(lines.String(), "component=alertmanager") {
				t.Errorf("the log lines lack component=alertmanager: %s", lines)
			}
		})
	}
}

func TestErrorNamesTheLineAndShowsNoSecret(t *testing.T) {
	t.Parallel()
	for name, hooks := range map[string]string{
		"bad escape":  "discord_configs: [{webhook_url: 'https://discord.com/api/webhooks/ID/SECRET%zz'}]",
		"bad scheme":  "discord_configs: [{webhook_url: 'SECRET://discord.com/'}]",
		"no host":     "slack_configs: [{api_url: 'https:///SECRET'}]",
		"wrong place": "discord_configs: SECRET-of-discord",
		"webhook":     "webhook_configs: [{url: 'http://127.0.0.1/SECRET%zz'}]",
		"wrong type":  "webhook_configs: [{url: 'http://127.0.0.1/', max_alerts: SECRET-of-webhook}]",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := newManager(t, "route: {receiver: a}\nreceivers:\n  - name: a\n    "+hooks+"\n")
			if err == nil {
				t.Fatal("the file was accepted")
			}
			if !strings.Contains(err.Error(), ".yml:4: receivers: ") || strings.Contains(err.Error(), "SECRET") {
				t.Errorf("want the line and the section, and no secret, got %v", err)
			}
		})
	}
}

func TestLibraryLogsNothingAtLevelInfo(t *testing.T) {
	t.Parallel()
	lines, r := &logged{}, newListener()
	o := options(t, r)
	o.GroupWait, o.Logger = 10*time.Millisecond, lines.logger(slog.LevelInfo)
	m := run(t, o)
	m.fire(t, named("InstanceDown"))
	<-r.signal
	m.stop()
	if lines.String() != "" {
		t.Errorf("an ordinary run logs: %s", lines)
	}
}
