package prom_test

import (
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"onsale/internal/monitor/prom"
)

// secretJobs returns two jobs of a user's file, one that works and one that fails. They
// have secrets in every possible field.
func secretJobs(up, down string) string {
	job := func(name, target string) string {
		return `
  - job_name: ` + name + `
    scrape_interval: 200ms
    params: {token: [SECRET-param], module: [SECRET-module]}
    basic_auth: {username: SECRET-user, password: SECRET-password}
    http_headers: {X-Key: {values: [SECRET-value], secrets: [SECRET-typed]}}
    static_configs: [{targets: ['` + target + `'], labels: {api_key: SECRET-label, team: plain-team}}]
    relabel_configs: [{target_label: __param_more, replacement: SECRET-replacement}]
`
	}
	return "scrape_configs:" + job("works", up) + job("fails", down)
}

func TestSecretsOfAFileAreNeverShown(t *testing.T) {
	t.Parallel()
	a := newTarget(t)
	sent := make(chan *http.Request, 1)
	keyed := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case sent <- r:
		default:
		}
		w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		_, _ = w.Write([]byte("# TYPE plain gauge\nplain 1\n"))
	}))
	t.Cleanup(keyed.Close)
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	o := options(t, a)
	log := new(logbook)
	o.Logger = log.logger(slog.LevelDebug)
	o.ConfigFile = file(t, "prometheus.yml", secretJobs(strings.TrimPrefix(keyed.URL, "http://"), ""+strings.TrimPrefix(closed.URL, "http://")))
	r := start(t, o)
	r.is(t, `plain{job="works"}`, "1")
	// The scrape uses the secrets of the file.
	got := <-sent
	if user, password, _ := got.BasicAuth(); got.URL.Query().Get("token") != "SECRET-param" || got.URL.Query().Get("more") != "SECRET-replacement" ||
		got.Header.Get("X-Key") != "SECRET-value" || user != "SECRET-user" || password != "SECRET-password" {
		t.Errorf("the scrape has %s, %v", got.URL, got.Header)
	}
	eventually(t, "the failure is reported", func() bool {
		_, body := r.get(t, "/api/v1/targets")
		return strings.Contains(body, "refused")
	})
	for path, plain := range map[string]string{
		"/api/v1/status/config":                          "job_name: works",
		"/api/v1/status/config/":                         "", // redirects to the path without a slash
		"/api/v1/scrape_pools/config?scrapePool=works":   "plain-team",
		"/api/v1/scrape_pools":                           "works",
		"/api/v1/targets":                                "plain-team",
		"/api/v1/targets?state=active&scrapePool=fails":  "refused",
		"/api/v1/targets/metadata":                       "plain-team",
		"/api/v1/targets?state=dropped":                  "success",
		"/api/v1/status/flags":                           "web.external-url",
		"/api/v1/status/runtimeinfo":                     "storageRetention",
		"/api/v1/status/buildinfo":                       "version",
		"/api/v1/alertmanagers":                          "/api/v2/alerts",
		"/api/v1/metadata":                               "",
		"/api/v1/targets/relabel_steps?scrapePool=works": "no such path",
		"/api/v1/targets/relabel_steps?scrapePool=works&labels=%7B%22__address__%22%3A%22a%22%7D": "no such path",
	} {
		status, body := r.get(t, path)
		if strings.Contains(body, "SECRET") || !strings.Contains(body, plain) {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	if err := r.stop(); err != nil {
		t.Error(err)
	}
	if text := log.String(); strings.Contains(text, "SECRET") || !strings.Contains(text, "Scrape failed") {
		t.Errorf("the log shows a secret, or is empty: %.2000s", text)
	}
}

// An error names the place in a file and does not show the value.
func TestErrorsOfWrongFilesShowNoSecrets(t *testing.T) {
	t.Parallel()
	a := newTarget(t)
	for name, job := range map[string]string{
		"text for a section":   "basic_auth: SECRET-password",
		"text for a list":      "http_headers: {X: {values: SECRET-value}}",
		"text for a number":    "sample_limit: SECRET-number",
		"a proxy's port":       "proxy_url: http://user:SECRET-password",
		"a proxy's escape":     "proxy_url: http://user:SECRET%zz@host",
		"a target with a path": "static_configs: [{targets: ['http://u:SECRET@host/path']}]",
		"a target's user":      "static_configs: [{targets: ['u:SECRET@host:9090']}]",
		"a token's URL":        "oauth2: {client_id: a, client_secret: b, token_url: 'http://u:SECRET@host:p'}\n    scrape_interval: never",
	} {
		o := options(t, a)
		o.ConfigFile = file(t, "prometheus.yml", "scrape_configs:\n  - job_name: a\n    "+job+"\n")
		if _, err := prom.New(o); !errors.Is(err, prom.ErrConfig) || strings.Contains(err.Error(), "SECRET") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
