package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"onsale/internal/catalog"
)

// onPath returns the path of one of Debian's tools.
func onPath(t *testing.T, tool string) string {
	t.Helper()
	path, err := exec.LookPath(tool)
	if err != nil {
		pack := map[string]string{
			"promtool": "prometheus", "amtool": "prometheus-alertmanager", "systemd-analyze": "systemd",
			"pg_dump": "postgresql", "pg_restore": "postgresql", "psql": "postgresql",
		}[tool]
		t.Fatalf("%s is missing: install %s (make deps does so on Debian and Ubuntu)", tool, cmp.Or(pack, tool))
	}
	return path
}

// runTool runs one of Debian's tools. It returns the output, and whether the tool succeeded.
// The tool does not read the settings of the user that runs the tests.
func runTool(t *testing.T, input, tool string, args ...string) (output string, ok bool) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), onPath(t, tool), args...)
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir())
	cmd.Stdin = strings.NewReader(input)
	out, err := cmd.CombinedOutput()
	return string(out), err == nil
}

// mustRun is like runTool, but the tool must succeed.
func mustRun(t *testing.T, tool string, args ...string) string {
	t.Helper()
	out, ok := runTool(t, "", tool, args...)
	if !ok {
		t.Fatalf("%s %s: %s", tool, strings.Join(args, " "), out)
	}
	return out
}

// TestDebiansPrometheusWatches runs Debian's Prometheus with the files under deploy/. It
// scrapes a server under load, evaluates the rules and has data for the panels.
func TestDebiansPrometheusWatches(t *testing.T) {
	t.Parallel()
	data := dataDir(t)
	server := serve(t, nil, data, "--faults", "default")
	prometheus := startPrometheus(t, strings.TrimPrefix(server.url(), "http://"))
	w := watch(t, prometheus)
	awaitUp(t, w, "1")
	t.Run("panels", func(t *testing.T) { // its end stops the calls
		traffic(t, server.url())
		allDraw(t, prometheus, everyPanel(t), func(p catalog.Panel, q catalog.Query) bool {
			return p.Title == "Failure Rate (%)" && q.Legend == "denied or sold out"
		})
	})
	rulesAreHealthy(t, w, catalog.Real())

	if state := w.states()["InstanceDown"]; state != "" {
		t.Errorf("InstanceDown is %s while the server is up", state)
	}
	server.kill()
	until(t, drawLimit, "InstanceDown is pending", func() string {
		if states := w.states(); states["InstanceDown"] != "pending" {
			return fmt.Sprint(states)
		}
		return ""
	})
	serve(t, nil, data, "--listen", strings.TrimPrefix(server.url(), "http://"))
	until(t, drawLimit, "InstanceDown is inactive", func() string { return w.states()["InstanceDown"] })
}

// startPrometheus starts Debian's Prometheus with the files under deploy/ and another target,
// and returns its URL.
func startPrometheus(t *testing.T, target string) (url string) {
	t.Helper()
	const committed = "127.0.0.1:8000"
	dir, deploy := t.TempDir(), filepath.Join("..", "..", "deploy", "prometheus")
	config, err := os.ReadFile(filepath.Join(deploy, "prometheus.yml"))
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(config), committed); n != 1 {
		t.Fatalf("prometheus.yml names %s %d times, want once", committed, n)
	}
	rules, err := os.ReadFile(filepath.Join(deploy, "rules.yml"))
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"prometheus.yml": strings.Replace(string(config), committed, target, 1), "rules.yml": string(rules),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p := launchProgram(t, onPath(t, "prometheus"), nil,
		"--config.file", filepath.Join(dir, "prometheus.yml"), "--storage.tsdb.path", filepath.Join(dir, "tsdb"),
		"--web.listen-address", "127.0.0.1:0")
	return "http://" + p.waitFor(`msg="Listening on" address=(\S+)`)
}

// rulesAreHealthy waits until each rule has been evaluated, and fails the test if a rule has
// an error. The alerts must be those of the catalogue and the others given.
func rulesAreHealthy(t *testing.T, w *watcher, pace catalog.Pace, besides ...string) {
	t.Helper()
	var alerts []string
	until(t, drawLimit, "all rules are healthy", func() string {
		var answer struct {
			Data struct {
				Groups []struct {
					Rules []struct{ Name, Type, Health, LastError string }
				}
			}
		}
		w.read(t, "/api/v1/rules", &answer)
		alerts = nil
		var ill []string
		for _, g := range answer.Data.Groups {
			for _, r := range g.Rules {
				if r.Health != "ok" || r.LastError != "" {
					ill = append(ill, fmt.Sprintf("%s is %s: %s", r.Name, r.Health, r.LastError))
				}
				if r.Type == "alerting" {
					alerts = append(alerts, r.Name)
				}
			}
		}
		return strings.Join(ill, "\n")
	})
	want := slices.Clone(besides)
	for _, a := range catalog.Alerts(catalog.DefaultSettings(), pace) {
		want = append(want, a.Name)
	}
	slices.Sort(want)
	slices.Sort(alerts)
	// One alert can have several rules.
	if got := slices.Compact(alerts); !slices.Equal(got, want) {
		t.Errorf("alerts %v, want %v", got, want)
	}
}

// read returns the answer of the server.
func (w *watcher) read(t *testing.T, path string, into any) {
	t.Helper()
	status, body := call(t.Context(), w.client, http.MethodGet, w.base+path, "")
	if err := json.Unmarshal(body, into); err != nil || status != http.StatusOK {
		t.Fatalf("%s: %d %s", path, status, body)
	}
}

// sold matches the metrics of a server that has sold tickets.
var sold = regexp.MustCompile(`(?m)^http_requests_total{endpoint="/buy/{concert_id}",method="POST",status="200"} [1-9]`)

// TestMetricsOnPromtool lints the metrics of a server under load with Debian's promtool and
// with the newest linter. Neither finds a problem, not even in the names of the earlier
// services.
func TestMetricsOnPromtool(t *testing.T) {
	t.Parallel()
	up := launch(t, nil, "up", "--listen", "127.0.0.1:0", "--crowd", "0", dataDir(t))
	traffic(t, up.url())
	c := newClient()
	defer c.CloseIdleConnections()
	var text string
	until(t, drawLimit, "something was sold", func() string {
		_, body := call(t.Context(), c, http.MethodGet, up.url()+"/metrics", "")
		text = string(body)
		if !sold.MatchString(text) {
			return "nothing"
		}
		return ""
	})
	if out, ok := runTool(t, text, "promtool", "check", "metrics"); !ok || out != "" {
		t.Errorf("promtool check metrics: %s", out)
	}
	problems, err := promlint.New(strings.NewReader(text)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	if out, ok := runTool(t, text+"# TYPE seats counter\nseats 1\n", "promtool", "check", "metrics"); ok || !strings.Contains(out, "seats ") {
		t.Errorf("promtool accepts a counter without _total: %s", out)
	}
}

// TestPromtoolAsks queries `onsale up` with Debian's promtool.
func TestPromtoolAsks(t *testing.T) {
	t.Parallel()
	up := launch(t, nil, "up", "--listen", "127.0.0.1:0", "--crowd", "0", dataDir(t))
	base := up.waitFor(`ready on (http://\S+)`)
	w := watch(t, base)
	awaitUp(t, w, "1")
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"instant", base, `up{job="ticket_system"} + 41`}, "=> 42 @["},
		{[]string{"instant", "-o", "json", base, "up"}, `"job":"ticket_system"`},
		{[]string{"range", "--step=1s", base, "up"}, "1 @["},
		{[]string{"series", `--match={__name__=~"cpu.*"}`, base}, `__name__="cpu_usage_percent"`},
		{[]string{"labels", base, "job"}, "ticket_system"},
		{[]string{"labels", "--match=up", base, "__name__"}, "up"},
	} {
		// The last scrape can be newer than the time that promtool queries.
		until(t, startLimit, "promtool query "+strings.Join(c.args, " "), func() string {
			if out := mustRun(t, "promtool", append([]string{"query"}, c.args...)...); !strings.Contains(out, c.want) {
				return fmt.Sprintf("%q, want %q in it", out, c.want)
			}
			return ""
		})
	}
	if out, ok := runTool(t, "", "promtool", "query", "instant", base, "up +"); ok || !strings.Contains(out, "parse error") {
		t.Errorf("promtool got an answer to an incomplete query: %s", out)
	}
	// The calls of promtool check healthy and check ready in later versions.
	for _, path := range []string{"/-/healthy", "/-/ready"} {
		if status, body := call(t.Context(), w.client, http.MethodGet, base+path, ""); status != http.StatusOK {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
}
