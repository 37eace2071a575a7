package catalog_test

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"

	"onsale/internal/catalog"
)

// variables replaces the dashboards' variables by values.
var variables = strings.NewReplacer("$job", "ticket_system", "$window", "1m")

// everyPanel returns the panels of all dashboards, by dashboard and title.
func everyPanel() map[string]catalog.Panel {
	panels := map[string]catalog.Panel{}
	for _, d := range catalog.Dashboards() {
		for _, row := range d.Rows {
			for _, p := range row.Panels {
				panels[d.Name+", "+p.Title] = p
			}
		}
	}
	return panels
}

func TestEveryQueryParses(t *testing.T) {
	t.Parallel()
	promQL := parser.NewParser(parser.Options{})
	for name, p := range everyPanel() {
		for _, q := range p.Queries {
			expr, err := promQL.ParseExpr(variables.Replace(q.Expr))
			if err != nil {
				t.Errorf("%s: %s: %v", name, q.Expr, err)
				continue
			}
			if expr.Type() != parser.ValueTypeVector {
				t.Errorf("%s returns a %s, not a vector", q.Expr, expr.Type())
			}
			if strings.Contains(variables.Replace(q.Expr), "$") {
				t.Errorf("%s contains an unknown variable", q.Expr)
			}
			parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
				if s, ok := node.(*parser.VectorSelector); ok && !selectsJob(s) {
					t.Errorf("%s selects all jobs: %s", q.Expr, s)
				}
				return nil
			})
		}
	}
	for _, d := range catalog.Dashboards() {
		for _, a := range d.Annotations {
			if _, err := promQL.ParseExpr(variables.Replace(a.Expr)); err != nil {
				t.Errorf("annotation %s: %v", a.Name, err)
			}
		}
	}
}

func selectsJob(s *parser.VectorSelector) bool {
	for _, m := range s.LabelMatchers {
		if m.Name == "job" {
			return m.Type == labels.MatchEqual && (m.Value == "ticket_system" || m.Value == "" && s.Name == "ALERTS")
		}
	}
	return false
}

// TestThePanelsOfTheContract checks the panel names of the earlier services'
// dashboards, which users know.
func TestThePanelsOfTheContract(t *testing.T) {
	t.Parallel()
	titles := map[string][]string{}
	for _, d := range catalog.Dashboards() {
		for _, row := range d.Rows {
			for _, p := range row.Panels {
				titles[d.Name] = append(titles[d.Name], p.Title)
			}
		}
	}
	tickets := []string{
		"Rate of Endpoint calls", "Response Time (Latency) p50/p95", "Memory Usage (%)",
		"CPU Usage (%)", "Request Rate (req/s)", "Failure Rate (%)",
	}
	if got := titles["tickets"]; len(got) < len(tickets) || !slices.Equal(got[:len(tickets)], tickets) {
		t.Errorf("the tickets dashboard begins with %q, want %q", got, tickets)
	}
	items := []string{
		"Total Requests", "Processing Time", "Average Request Size", "Active Users",
		"Error Rate", "Total Items Created", "User Activity", "Request Latency",
	}
	if got := titles["items"]; !slices.Equal(slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(items))) {
		t.Errorf("the items dashboard has %q, want %q", got, items)
	}
	if len(titles["runtime"]) == 0 {
		t.Error("the runtime dashboard has no panels")
	}
}

// unit matches Grafana's units that the panels use.
var unit = regexp.MustCompile(`^(short|percent|s|dtdurations|bytes|Bps|ops|reqps)$`)

func TestEveryPanelExplainsItself(t *testing.T) {
	t.Parallel()
	for name, p := range everyPanel() {
		if !unit.MatchString(p.Unit) {
			t.Errorf("%s: unknown unit %q", name, p.Unit)
		}
		if !strings.Contains(p.Description, "Good: ") || !strings.HasSuffix(p.Description, ".") {
			t.Errorf("%s does not describe good values: %q", name, p.Description)
		}
		if len(p.Queries) == 0 {
			t.Errorf("%s has no query", name)
		}
		for _, q := range p.Queries {
			if q.Legend == "" && p.Kind != catalog.Table {
				t.Errorf("%s: %s has no legend", name, q.Expr)
			}
		}
		if !slices.IsSortedFunc(p.Thresholds, func(a, b catalog.Threshold) int { return cmp.Compare(a.From, b.From) }) {
			t.Errorf("%s: the thresholds are not in ascending order: %v", name, p.Thresholds)
		}
	}
}

// TestEveryLineIsFull checks that dashboards have no gaps: the panels of a line
// fill the page.
func TestEveryLineIsFull(t *testing.T) {
	t.Parallel()
	for _, d := range catalog.Dashboards() {
		for _, row := range d.Rows {
			line := 0
			for _, p := range row.Panels {
				line += p.Width
				switch {
				case p.Width <= 0 || line > 24:
					t.Errorf("%s: %s is %d wide and ends at %d of 24", d.Name, p.Title, p.Width, line)
				case line == 24:
					line = 0
				}
			}
			if line != 0 {
				t.Errorf("%s: the last line of row %q ends at %d of 24", d.Name, row.Title, line)
			}
		}
	}
}

func TestTitlesAreUnique(t *testing.T) {
	t.Parallel()
	for _, d := range catalog.Dashboards() {
		seen := map[string]bool{}
		for _, row := range d.Rows {
			for _, p := range row.Panels {
				if seen[p.Title] {
					t.Errorf("%s has two panels with the title %q", d.Name, p.Title)
				}
				seen[p.Title] = true
			}
		}
	}
}

// alertName matches words that look like the name of an alert.
var alertName = regexp.MustCompile(`\b[A-Z][a-z]+(?:[A-Z][a-z]+)+\b`)

// TestDescriptionsNameAlertsThatExist checks the alert names in the panels' texts.
func TestDescriptionsNameAlertsThatExist(t *testing.T) {
	t.Parallel()
	alerts := map[string]bool{}
	for _, a := range catalog.Alerts(catalog.DefaultSettings(), catalog.Real()) {
		alerts[a.Name] = true
	}
	named := 0
	for title, p := range everyPanel() {
		for _, name := range alertName.FindAllString(p.Description, -1) {
			named++
			if !alerts[name] {
				t.Errorf("%s names the alert %s, which does not exist", title, name)
			}
		}
	}
	if named == 0 {
		t.Error("no panel names an alert")
	}
}
