package prom_test

import (
	"context"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"onsale/internal/monitor/prom"
)

func TestScrapesBothHistogramsAndExemplars(t *testing.T) {
	t.Parallel()
	a := newTarget(t)
	r := start(t, options(t, a))
	r.is(t, `up{job="ticket_system",instance="`+a.host()+`"}`, "1")
	r.is(t, `request_duration_seconds_bucket{le="1.0"}`, "10")
	r.is(t, `histogram_count(request_duration_seconds)`, "10")
	r.is(t, `histogram_quantile(0.5, request_duration_seconds) < bool 1`, "1")

	var exemplars []struct {
		Exemplars []struct {
			Labels map[string]string
			Value  string
		}
	}
	eventually(t, "the exemplar", func() bool {
		r.data(t, "/api/v1/query_exemplars?query=request_duration_seconds_bucket&start=0&end=4000000000", &exemplars)
		return len(exemplars) > 0
	})
	if e := exemplars[0].Exemplars[0]; e.Labels["trace_id"] != "abc123" || e.Value != "0.5" {
		t.Errorf("exemplar: %+v", e)
	}
}

func TestTargetDownAndUpAgain(t *testing.T) {
	t.Parallel()
	a := newTarget(t)
	r := start(t, options(t, a))
	r.is(t, "up", "1")
	a.down.Store(true)
	r.is(t, "up", "0")
	eventually(t, "the series of the target end", func() bool { return len(r.query(t, "heat_celsius")) == 0 })
	a.down.Store(false)
	r.is(t, "up", "1")
}

func TestSeveralTargetsAndPaths(t *testing.T) {
	t.Parallel()
	a, b := newTarget(t), newTarget(t)
	extra := "extra 7\n"
	a.extra.Store(&extra)
	o := options(t, a)
	o.Targets = []string{a.URL, a.URL + "/extra", b.URL + "/metrics/"}
	r := start(t, o)
	r.is(t, "sum(up)", "3")
	r.is(t, `extra{instance="`+a.host()+`/extra"}`, "7")
	r.is(t, `up{instance="`+b.host()+`/metrics/"}`, "1") // the path is unchanged
}

func TestBearerTokenIsReadAgainAndNeverShown(t *testing.T) {
	t.Parallel()
	a := newTarget(t)
	o := options(t, a)
	log := new(logbook)
	o.Logger = log.logger(-8)
	o.Access.BearerFile = file(t, "token", "first-secret\n")
	r := start(t, o)
	sent := func(token string) func() bool {
		return func() bool { got := a.token.Load(); return got != nil && *got == "Bearer "+token }
	}
	eventually(t, "the token", sent("first-secret"))
	if err := os.WriteFile(o.Access.BearerFile, []byte("second-secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the new token", sent("second-secret"))
	for _, path := range []string{"/api/v1/status/config", "/api/v1/targets", "/api/v1/scrape_pools/config?pool=ticket_system", "/api/v1/status/flags"} {
		if _, body := r.get(t, path); strings.Contains(body, "-secret") {
			t.Errorf("%s shows the token: %s", path, body)
		}
	}
	if strings.Contains(log.String(), "-secret") {
		t.Errorf("the log shows the token: %s", log)
	}
}

func TestTwoServersAtOnce(t *testing.T) {
	t.Parallel()
	a, b := newTarget(t), newTarget(t)
	a.heat.Set(1)
	b.heat.Set(2)
	first, second := start(t, options(t, a)), start(t, options(t, b))
	first.is(t, "heat_celsius", "1")
	second.is(t, "heat_celsius", "2")
	if err := first.stop(); err != nil {
		t.Fatal(err)
	}
	b.heat.Set(3)
	second.is(t, "heat_celsius", "3")
}

// TestPromtoolWorks queries with the promtool of Debian, which is from Prometheus 2.
func TestPromtoolWorks(t *testing.T) {
	t.Parallel()
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Fatal("this test needs promtool; on Debian, install the package prometheus")
	}
	a := newTarget(t)
	a.heat.Set(21)
	r := start(t, options(t, a))
	r.is(t, "heat_celsius", "21")
	ask := func(args ...string) string {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), deadline)
		defer cancel()
		out, err := exec.CommandContext(ctx, promtool, append([]string{"query"}, args...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("promtool query %v: %v: %s", args, err, out)
		}
		return string(out)
	}
	for name, c := range map[string]struct{ got, want string }{
		"instant": {ask("instant", r.url, "heat_celsius + 1"), "=> 22 @["},
		"range":   {ask("range", "--step=1s", r.url, "heat_celsius"), "21 @["},
		"series":  {ask("series", "--match=heat_celsius", r.url), `__name__="heat_celsius"`},
		"labels":  {ask("labels", r.url, "job"), "ticket_system"},
	} {
		if !strings.Contains(c.got, c.want) {
			t.Errorf("promtool query %s: %q, want %q in it", name, c.got, c.want)
		}
	}
}

// TestAPI makes the calls of Grafana and the console.
func TestAPI(t *testing.T) {
	t.Parallel()
	a := newTarget(t)
	o := options(t, a)
	o.Rules = []byte(hotRule)
	r := start(t, o)
	r.is(t, "up", "1")

	var build map[string]string
	r.data(t, "/api/v1/status/buildinfo", &build)
	if !strings.HasPrefix(build["version"], "3.") || build["goVersion"] == "" {
		t.Errorf("build: %v", build)
	}
	var targets struct {
		ActiveTargets []struct{ Health, ScrapePool, ScrapeTimeout, LastError string }
	}
	r.data(t, "/api/v1/targets", &targets)
	if len(targets.ActiveTargets) != 1 || targets.ActiveTargets[0].Health != "up" || targets.ActiveTargets[0].ScrapeTimeout != "200ms" {
		t.Errorf("targets: %+v", targets)
	}
	var rules struct {
		Groups []struct {
			File     string
			Interval float64
			Rules    []struct{ Name, Type string }
		}
	}
	r.data(t, "/api/v1/rules", &rules)
	if len(rules.Groups) != 1 || rules.Groups[0].File != prom.BuiltInRules || rules.Groups[0].Interval != pace.Seconds() {
		t.Errorf("rules: %+v", rules)
	}
	var metadata map[string][]struct{ Type, Help string }
	r.data(t, "/api/v1/metadata?metric=heat_celsius", &metadata)
	if m := metadata["heat_celsius"]; len(m) != 1 || m[0].Type != "gauge" {
		t.Errorf("metadata: %+v", metadata)
	}
	var managers struct{ ActiveAlertmanagers []struct{ URL string } }
	r.data(t, "/api/v1/alertmanagers", &managers)
	if len(managers.ActiveAlertmanagers) != 1 || managers.ActiveAlertmanagers[0].URL != "http://127.0.0.1:8000/api/v2/alerts" {
		t.Errorf("alertmanagers: %+v", managers)
	}
	for _, path := range []string{
		"/api/v1/alerts", "/api/v1/labels", "/api/v1/label/job/values", "/api/v1/series?match[]=up",
		"/api/v1/query_range?query=up&start=0&end=60&step=15", "/api/v1/format_query?query=up", "/api/v1/parse_query?query=up",
		"/api/v1/status/config", "/api/v1/status/flags", "/api/v1/status/tsdb", "/api/v1/status/tsdb/blocks",
		"/api/v1/status/walreplay", "/api/v1/status/self_metrics", "/api/v1/scrape_pools", "/api/v1/targets/metadata",
	} {
		r.data(t, path, new(any))
	}
	for path, want := range map[string]int{"/-/healthy": http.StatusOK, "/-/ready": http.StatusOK} {
		if status, body := r.get(t, path); status != want {
			t.Errorf("GET %s: %d %s", path, status, body)
		}
	}
}

func TestAPIIsReadOnly(t *testing.T) {
	t.Parallel()
	r := start(t, options(t, newTarget(t)))
	for _, c := range []struct{ method, path string }{
		{http.MethodPost, "/api/v1/admin/tsdb/delete_series?match[]=up"},
		{http.MethodPut, "/api/v1/admin/tsdb/snapshot"},
		{http.MethodPost, "/api/v1/admin/tsdb/clean_tombstones"},
		{http.MethodPost, "/api/v1/write"},
		{http.MethodPost, "/api/v1/read"},
		{http.MethodPost, "/api/v1/otlp/v1/metrics"},
		{http.MethodPost, "/api/v1/query/../admin/tsdb/snapshot"},
		{http.MethodGet, "/api/v1/notifications"},
		{http.MethodGet, "/api/v1/notifications/live"},
		{http.MethodPost, "/-/reload"},
		{http.MethodPost, "/-/quit"},
	} {
		request, err := http.NewRequestWithContext(t.Context(), c.method, r.url+c.path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		response, err := new(http.Client).Do(request)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != http.StatusNotFound {
			t.Errorf("%s %s: %d, want 404", c.method, c.path, response.StatusCode)
		}
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.url+"/api/v1/query?query=up", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Origin", "http://elsewhere.example")
	response, err := new(http.Client).Do(request)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if allowed := response.Header.Get("Access-Control-Allow-Origin"); allowed != "" {
		t.Errorf("another origin is allowed: %q", allowed)
	}
}

func TestAnswers503BeforeAndAfter(t *testing.T) {
	t.Parallel()
	o := options(t, newTarget(t))
	s, err := prom.New(o)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(o.Dir); !os.IsNotExist(err) {
		t.Errorf("New created the directory: %v", err)
	}
	early := httptest.NewRecorder()
	s.Handler().ServeHTTP(early, httptest.NewRequest(http.MethodGet, "/api/v1/query?query=up", http.NoBody))
	if early.Code != http.StatusServiceUnavailable || early.Header().Get("Retry-After") == "" {
		t.Errorf("before Run: %d %s", early.Code, early.Body)
	}
	live := start(t, o)
	if status, _ := live.get(t, "/api/v1/query?query=up"); status != http.StatusOK {
		t.Errorf("during Run: %d", status)
	}
	if err := live.stop(); err != nil {
		t.Fatal(err)
	}
	status, body := live.get(t, "/api/v1/query?query=up")
	if status != http.StatusServiceUnavailable || !strings.Contains(body, `"errorType":"unavailable"`) {
		t.Errorf("after Run: %d %s", status, body)
	}
	if status, _ := live.get(t, "/-/ready"); status != http.StatusServiceUnavailable {
		t.Errorf("/-/ready after Run: %d", status)
	}
	if err := live.Run(t.Context()); err == nil {
		t.Error("a second Run returned no error")
	}
}

func TestRetention(t *testing.T) {
	t.Parallel()
	o := options(t, newTarget(t))
	o.RetentionTime, o.RetentionSize = 36*time.Hour, 512<<20
	r := start(t, o)
	var info struct{ StorageRetention string }
	r.data(t, "/api/v1/status/runtimeinfo", &info)
	if info.StorageRetention != "1d12h or 536870912B" {
		t.Errorf("retention: %q", info.StorageRetention)
	}
	// The limits that the database reports.
	var families []struct {
		Name   string
		Metric []struct{ Gauge struct{ Value float64 } }
	}
	r.data(t, "/api/v1/status/self_metrics?metric_name_pattern=prometheus_tsdb_retention_limit_(seconds|bytes)", &families)
	limits := make(map[string]float64)
	for _, f := range families {
		limits[f.Name] = f.Metric[0].Gauge.Value
	}
	want := map[string]float64{
		"prometheus_tsdb_retention_limit_seconds": (36 * time.Hour).Seconds(),
		"prometheus_tsdb_retention_limit_bytes":   512 << 20,
	}
	if !maps.Equal(limits, want) {
		t.Errorf("limits: %v, want %v", limits, want)
	}
}
