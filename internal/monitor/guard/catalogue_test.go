package guard_test

import (
	"encoding/json"
	"html"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"onsale/internal/catalog"
	"onsale/internal/console"
	"onsale/internal/monitor/guard"
)

// TestCataloguePasses checks the queries of Onsale itself: the rules at both paces, the
// Grafana dashboards, and the page. Each has 1,000 steps, which is the width of a panel.
func TestCataloguePasses(t *testing.T) {
	t.Parallel()
	settings := catalog.DefaultSettings()
	for _, pace := range catalog.Paces() {
		var all []string
		for _, a := range catalog.Alerts(settings, pace) {
			all = append(all, a.Expr)
		}
		for _, r := range catalog.Recordings(settings, pace) {
			all = append(all, r.Expr)
		}
		all = append(all, dashboards(t)...)
		all = append(all, page(t, pace)...)
		if len(all) < 100 {
			t.Fatalf("only %d expressions were found", len(all))
		}
		for _, expr := range all {
			expr = strings.NewReplacer("$job", settings.Job, "$window", "1m", "$__rate_interval", "1m").Replace(expr)
			q := guard.Query{Texts: []string{expr}, DefaultStep: pace.Evaluate, Span: 1000 * time.Minute, Step: time.Minute}
			if err := q.Check(); err != nil {
				t.Errorf("%s pace: %s: %v", pace.Name, expr, err)
			}
		}
	}
}

// dashboards returns the expressions of the Grafana dashboards.
func dashboards(t *testing.T) (all []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.FromSlash("../../../deploy/grafana/dashboards/*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no dashboards: %v", err)
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var dashboard struct {
			Panels []struct{ Targets []struct{ Expr string } }
		}
		if err := json.Unmarshal(content, &dashboard); err != nil {
			t.Fatal(err)
		}
		for _, panel := range dashboard.Panels {
			for _, target := range panel.Targets {
				all = append(all, target.Expr)
			}
		}
	}
	return all
}

// page returns the expressions of the page at /.
func page(t *testing.T, pace catalog.Pace) (all []string) {
	t.Helper()
	handler, err := console.New(console.Options{
		HasMonitor: true, Job: "ticket_system", Pace: pace, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", http.NoBody))
	for _, match := range regexp.MustCompile(`<data hidden value="([^"]*)"|data-query="([^"]*)"`).FindAllStringSubmatch(w.Body.String(), -1) {
		all = append(all, html.UnescapeString(match[1]+match[2]))
	}
	return all
}
