package metrics_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"onsale/internal/stress/metrics"
	"onsale/internal/stress/stats"
	"onsale/internal/telemetry"
)

// worker starts a worker's metrics, with samples of consecutive milliseconds, and
// returns its address.
func worker(t *testing.T, index, first, last int) (m *metrics.Metrics, address string) {
	t.Helper()
	reg := telemetry.NewRegistry(telemetry.ReadBuild())
	m = metrics.New(reg, metrics.Options{Scenario: "tickets", Host: "http://target", Worker: fmt.Sprintf("%d/2", index)})
	for ms := first; ms <= last; ms++ {
		m.Observe("POST", "/buy/[id]", sample(ms, stats.OK, ""))
	}
	m.Set(metrics.State{Users: 500, Due: 500, NotSent: int64(index)})
	server := httptest.NewServer(m.Handler(slog.New(slog.DiscardHandler)))
	t.Cleanup(server.Close)
	return m, strings.TrimPrefix(server.URL, "http://")
}

// listening matches the log line of Prometheus when it listens.
var listening = regexp.MustCompile(`msg="Listening on" address=(\S+)`)

// startPrometheus starts Debian's Prometheus, which scrapes the targets twice a second,
// and returns its URL.
func startPrometheus(t *testing.T, feature string, targets ...string) string {
	t.Helper()
	program, err := exec.LookPath("prometheus")
	if err != nil {
		t.Fatal("prometheus is missing: install it (make deps does so on Debian and Ubuntu)")
	}
	dir := t.TempDir()
	config := fmt.Sprintf("global: {scrape_interval: 500ms, scrape_timeout: 500ms}\nscrape_configs:\n"+
		"- {job_name: stress, static_configs: [{targets: ['%s']}]}\n", strings.Join(targets, "','"))
	if err := os.WriteFile(filepath.Join(dir, "prometheus.yml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), program, "--config.file", filepath.Join(dir, "prometheus.yml"),
		"--storage.tsdb.path", filepath.Join(dir, "tsdb"), "--web.listen-address", "127.0.0.1:0", "--enable-feature", feature)
	log, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	address := make(chan string, 1)
	go func() {
		defer close(address)
		for lines := bufio.NewScanner(log); lines.Scan(); {
			if found := listening.FindStringSubmatch(lines.Text()); found != nil {
				address <- found[1]
			}
		}
	}()
	at, ok := <-address
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		for range address { // drain
		}
		_ = cmd.Wait()
	})
	if !ok {
		t.Fatal("prometheus ended before it listened")
	}
	return "http://" + at
}

// ask queries the single value of an expression; false while there is none.
func ask(t *testing.T, c *http.Client, base, expression string) (float64, bool) {
	t.Helper()
	answer, err := c.Get(base + "/api/v1/query?query=" + url.QueryEscape(expression))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode == http.StatusServiceUnavailable {
		return 0, false // it is still starting
	}
	var got struct {
		Error string
		Data  struct {
			Result []struct{ Value [2]any }
		}
	}
	if err := json.NewDecoder(answer.Body).Decode(&got); err != nil || got.Error != "" {
		t.Fatalf("%s: %v %s", expression, err, got.Error)
	}
	if len(got.Data.Result) != 1 {
		return 0, false
	}
	text, _ := got.Data.Result[0].Value[1].(string)
	value, err := strconv.ParseFloat(text, 64)
	if err != nil {
		t.Fatal(err)
	}
	return value, true
}

// until queries until the value is within 5 % of the expected one, which is the
// precision of a native histogram, and fails after a while.
func until(t *testing.T, c *http.Client, base, expression string, want float64) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		got, ok := ask(t, c, base, expression)
		if ok && got >= 0.95*want && got <= 1.05*want {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s is %g, want some %g", expression, got, want)
		}
	}
}

// TestWorkersAddUp: Debian's Prometheus scrapes two workers, one of them with a slow
// target, and adds up their metrics.
func TestWorkersAddUp(t *testing.T) {
	t.Parallel()
	quick, a := worker(t, 0, 1, 500)
	slow, b := worker(t, 1, 501, 1000)
	base := startPrometheus(t, "native-histograms", a, b)
	c := &http.Client{Transport: new(http.Transport), Timeout: 10 * time.Second}
	defer c.CloseIdleConnections()

	until(t, c, base, `sum(onsale_stress_requests_total{outcome="ok"})`, 1000)
	until(t, c, base, `sum(onsale_stress_users)`, 1000)
	until(t, c, base, `count(onsale_stress_info)`, 2)
	until(t, c, base, `sum(onsale_stress_not_sent_total) / sum(onsale_stress_due_total)`, 0.001)
	until(t, c, base, `histogram_count(sum(onsale_stress_response_seconds))`, 1000)
	until(t, c, base, `histogram_quantile(0.95, sum(onsale_stress_response_seconds))`, 0.950)
	until(t, c, base, `histogram_quantile(0.5, sum(onsale_stress_response_seconds))`, 0.500)
	until(t, c, base, `histogram_quantile(0.95, sum(onsale_stress_service_seconds))`, 0.475)
	// The naive figure differs: percentiles do not add up.
	if naive, ok := ask(t, c, base, `avg(histogram_quantile(0.95, onsale_stress_response_seconds))`); !ok || naive > 0.8 {
		t.Errorf("the mean of the workers' percentiles is %g", naive)
	}
	if _, ok := ask(t, c, base, `sum(onsale_stress_response_seconds_bucket)`); ok {
		t.Error("the classic buckets were scraped in addition to the native ones")
	}

	// During the run, by the rate.
	for range 4 {
		for range 100 {
			quick.Observe("POST", "/buy/[id]", sample(100, stats.OK, ""))
			slow.Observe("POST", "/buy/[id]", sample(2000, stats.OK, ""))
		}
		if !quick.AwaitScrape(t.Context()) || !slow.AwaitScrape(t.Context()) {
			t.Fatal("no scrape")
		}
	}
	until(t, c, base, `histogram_quantile(0.25, sum(rate(onsale_stress_response_seconds[1m])))`, 0.100)
	until(t, c, base, `histogram_quantile(0.95, sum(rate(onsale_stress_response_seconds[1m])))`, 2)
}

// TestOldScrapersSeeClassicBuckets: without the feature, Prometheus reads the text
// format.
func TestOldScrapersSeeClassicBuckets(t *testing.T) {
	t.Parallel()
	_, a := worker(t, 0, 1, 500)
	_, b := worker(t, 1, 501, 1000)
	base := startPrometheus(t, "exemplar-storage", a, b)
	c := &http.Client{Transport: new(http.Transport), Timeout: 10 * time.Second}
	defer c.CloseIdleConnections()
	until(t, c, base, `sum(onsale_stress_response_seconds_count)`, 1000)
	until(t, c, base, `histogram_quantile(0.45, sum by (le) (onsale_stress_response_seconds_bucket))`, 0.450)
}
