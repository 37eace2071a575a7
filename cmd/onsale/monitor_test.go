package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// locked serves metrics at one path, and only with a user, a password and a query.
func locked(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		if user != "scraper-user" || password != secret || r.URL.RequestURI() != "/admin/metrics/?module="+secret {
			http.Error(w, "no", http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// TestMonitorOfALockedService: targets of `onsale monitor` can need credentials, from flags or
// from a scrape job in a file. The rules work in both cases, and no output shows them.
func TestMonitorOfALockedService(t *testing.T) {
	t.Parallel()
	service := new(earlierService)
	service.failing.Store(true)
	target := httptest.NewServer(locked(service))
	t.Cleanup(target.Close)
	host := strings.TrimPrefix(target.URL, "http://")
	config := writeFile(t, "prometheus.yml", fmt.Sprintf(`scrape_configs:
  - job_name: my "shop"
    metrics_path: /admin/metrics/
    params: {module: [%s]}
    basic_auth: {username: scraper-user, password: %s}
    static_configs: [{targets: [%q]}]
`, secret, secret, host))
	for name, c := range map[string]struct {
		args         []string
		job, watches string
	}{
		"flags": {
			[]string{
				"--target", host + "/admin/metrics/?module=" + secret,
				"--target-username", "scraper-user", "--target-password-file", writeFile(t, "password", secret+"\n"),
			}, "ticket_system", "scraping " + host + " as job ticket_system",
		},
		"file": {[]string{"--prometheus-config", config, "--job", `my "shop"`}, `my \"shop\"`, `scraping job my "shop" of ` + config},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := launch(t, nil, append([]string{"monitor", "--listen", "127.0.0.1:0", "--pace", "demo", dataDir(t)}, c.args...)...)
			w := watch(t, awaitAlerting(t, p))
			w.answers(t, `sum(up{job="`+c.job+`",instance=~"`+host+`.*"})`, "1")
			w.answers(t, `count(ALERTS{alertname="HighFailureRate"})`, "1")
			for _, path := range []string{"/", "/api/v1/targets", "/api/v1/status/config", "/api/v1/query?query=up"} {
				response, err := w.client.Get(w.base + path)
				if err != nil {
					t.Fatal(err)
				}
				body, err := io.ReadAll(response.Body)
				response.Body.Close()
				if err != nil || response.StatusCode != http.StatusOK || !strings.Contains(string(body), host) {
					t.Errorf("GET %s: %v, %d, want %s in %s", path, err, response.StatusCode, host, body)
				}
				if strings.Contains(string(body), secret) || strings.Contains(string(body), "scraper-user") {
					t.Errorf("GET %s shows the key: %s", path, body)
				}
			}
			if said := p.stderr.String(); !strings.Contains(said, c.watches) || strings.Contains(said, secret) || strings.Contains(said, "scraper-user") {
				t.Errorf("said %s, want %q and no key", said, c.watches)
			}
		})
	}
}
