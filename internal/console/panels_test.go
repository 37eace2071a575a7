package console_test

import (
	"html"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/promql/parser"

	"onsale/internal/catalog"
	"onsale/internal/console"
)

// queries returns the queries of the page and its suggestions.
func queries(t *testing.T, o console.Options) []string {
	t.Helper()
	body := get(t, o, "GET", "/").body
	var found []string
	for _, match := range regexp.MustCompile(`<data hidden value="([^"]*)"|data-query="([^"]*)"`).FindAllStringSubmatch(body, -1) {
		found = append(found, html.UnescapeString(match[1]+match[2]))
	}
	return found
}

// TestQueries checks that Prometheus's parser accepts all queries, whatever the
// job's name is.
func TestQueries(t *testing.T) {
	t.Parallel()
	o := options()
	o.Job = `a"b\c $window`
	promql := parser.NewParser(parser.Options{})
	found := queries(t, o)
	if len(found) < 20 {
		t.Fatalf("the page has only %d queries", len(found))
	}
	for _, query := range found {
		if strings.Contains(query, "$job") {
			t.Errorf("%s still has $job", query)
		}
		expr, err := promql.ParseExpr(strings.ReplaceAll(query, "[$window]", "[12s]"))
		if err != nil {
			t.Errorf("%s: %v", query, err)
			continue
		}
		for _, selectors := range parser.ExtractSelectors(expr) {
			for _, m := range selectors {
				if m.Name == "job" && m.Value != o.Job {
					t.Errorf("%s selects the job %q, want %q", query, m.Value, o.Job)
				}
			}
		}
	}
}

// TestKnownExpressions checks which queries a link may run: those of the page, of
// the catalogue and of links in alerts.
func TestKnownExpressions(t *testing.T) {
	t.Parallel()
	o := options()
	o.Expressions = []string{`sum by (job) (up) > 1m30s`}
	known := append(queries(t, o), o.Expressions...)
	known = append(known, alerts()[0].Expr)
	for _, d := range catalog.Dashboards() {
		for _, row := range d.Rows {
			for _, panel := range row.Panels {
				for _, q := range panel.Queries {
					known = append(known, strings.ReplaceAll(q.Expr, "$job", o.Job))
				}
			}
		}
	}
	runs := func(expr string) bool {
		body := get(t, o, "GET", "/?query="+url.QueryEscape(expr)).body
		match := regexp.MustCompile(`data-run="([^"]*)"`).FindStringSubmatch(body)
		return len(match) == 2 && html.UnescapeString(match[1]) == expr
	}
	for _, expr := range known {
		if expr = strings.ReplaceAll(expr, "[$window]", "[12s]"); !runs(expr) {
			t.Errorf("a link does not run %s", expr)
		}
	}
	for _, expr := range []string{"", "up[1y:1ms]", "up ", known[0] + " or vector(1)"} {
		if runs(expr) {
			t.Errorf("a link runs %s", expr)
		}
	}
}

// TestRunbookLinksToQuery checks that a runbook links to the query page with the
// alert's expression.
func TestRunbookLinksToQuery(t *testing.T) {
	t.Parallel()
	body := get(t, options(), "GET", "/runbooks/HighFailureRate").body
	match := regexp.MustCompile(`href="(/\?query=[^"]*)"`).FindStringSubmatch(body)
	if match == nil {
		t.Fatal("the runbook has no link to the query")
	}
	link, err := url.Parse(html.UnescapeString(match[1]))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := link.Query().Get("query"), alerts()[0].Expr; got != want {
		t.Errorf("the link has the query %s, want %s", got, want)
	}
	if link.Fragment != "query" {
		t.Errorf("the link leads to #%s", link.Fragment)
	}
}
