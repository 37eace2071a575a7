package catalog_test

import (
	"math"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"

	"onsale/internal/catalog"
	"onsale/internal/fault"
)

// Every alert has all texts that people on call and the drills need.
func TestEveryAlertIsComplete(t *testing.T) {
	t.Parallel()
	seen := make(map[string]bool)
	for _, a := range realAlerts() {
		for what, text := range map[string]string{
			"name": a.Name, "expression": a.Expr, "summary": a.Summary, "description": a.Description, "meaning": a.Meaning,
			"provocation": a.Provoke.Faults + a.Provoke.Also, "steps": strings.Join(a.Steps, ""),
		} {
			if strings.TrimSpace(text) == "" {
				t.Errorf("%s has no %s", a.Name, what)
			}
		}
		if seen[a.Name] || !regexp.MustCompile(`^([A-Z][a-z]*|CPU)+$`).MatchString(a.Name) {
			t.Errorf("%q is not a unique name in CamelCase", a.Name)
		}
		seen[a.Name] = true
		if !slices.Contains([]catalog.Severity{catalog.Critical, catalog.Warning, catalog.Info}, a.Severity) {
			t.Errorf("%s has the severity %q", a.Name, a.Severity)
		}
		if !strings.Contains(strings.ToLower(a.Description), "buyers") && !strings.Contains(a.Description, "nobody can buy") &&
			a.Name != "BooksDoNotBalance" {
			t.Errorf("%s does not say what it means for buyers: %s", a.Name, a.Description)
		}
	}
}

// All alerts of the contract exist, with their severities.
func TestRequiredAlertsExist(t *testing.T) {
	t.Parallel()
	want := map[string]catalog.Severity{
		"HighFailureRate": catalog.Critical, "HighDenialRate": catalog.Warning, "InstanceDown": catalog.Critical,
		"HighLatency": catalog.Warning, "HighCPU": catalog.Warning, "HighMemory": catalog.Warning,
		"DatabaseErrors": catalog.Critical, "DatabaseSlow": catalog.Warning, "QueueFilling": catalog.Warning,
		"ItemErrors": catalog.Warning, "ConcertSoldOut": catalog.Info, "BooksDoNotBalance": catalog.Critical,
		"AvailabilityBurnFast": catalog.Critical, "AvailabilityBurnSlow": catalog.Warning,
		"LatencyBurnFast": catalog.Critical, "LatencyBurnSlow": catalog.Warning, "MetricsMissing": catalog.Warning,
	}
	for _, a := range realAlerts() {
		if want[a.Name] != a.Severity {
			t.Errorf("%s is %s, want %s", a.Name, a.Severity, want[a.Name])
		}
		delete(want, a.Name)
	}
	if len(want) > 0 {
		t.Errorf("missing: %v", want)
	}
}

// PUT /faults accepts every field of each plan. Each plan injects something, and
// ends by itself after the alert has fired.
func TestProvocationsArePlans(t *testing.T) {
	t.Parallel()
	lasts := regexp.MustCompile(`"for":"([^"]+)"`)
	for _, a := range realAlerts() {
		if a.Provoke.Faults == "" {
			continue
		}
		plan, ignored, err := fault.Parse(strings.NewReader(a.Provoke.Faults))
		if err != nil || len(ignored) > 0 {
			t.Errorf("%s: %s: error %v, ignored %q", a.Name, a.Provoke.Faults, err, ignored)
		}
		if plan.Summary() == fault.Off().Summary() {
			t.Errorf("%s: %s injects nothing", a.Name, a.Provoke.Faults)
		}
		found := lasts.FindStringSubmatch(a.Provoke.Faults)
		if found == nil {
			t.Errorf("%s: %s has no end", a.Name, a.Provoke.Faults)
			continue
		}
		wait := a.For + time.Minute
		if strings.HasSuffix(a.Name, "BurnSlow") {
			wait += 6 * time.Minute // 6 % of 90 min, if all events are bad
		}
		if d, err := time.ParseDuration(found[1]); err != nil || d < wait {
			t.Errorf("%s: %s ends before the alert, which takes %s: %v", a.Name, a.Provoke.Faults, wait, err)
		}
	}
}

// expressions returns the expressions of all rules at a pace, by alert or record.
func expressions(s catalog.Settings, p catalog.Pace) map[string][]string {
	all := make(map[string][]string)
	for _, rec := range catalog.Recordings(s, p) {
		all[rec.Record] = append(all[rec.Record], rec.Expr)
	}
	for _, a := range catalog.Alerts(s, p) {
		all[a.Name] = append(all[a.Name], a.Expr)
	}
	return all
}

// Every selector matches the job, so other jobs of the same Prometheus do not
// interfere. Every duration is valid for the pace.
func TestEveryExpressionSelectsTheJob(t *testing.T) {
	t.Parallel()
	promQL := parser.NewParser(parser.Options{})
	settings := catalog.DefaultSettings()
	settings.Job = `a "job"\of.*{mine}`
	for _, p := range catalog.Paces() {
		for name, exprs := range expressions(settings, p) {
			for _, text := range exprs {
				expr, err := promQL.ParseExpr(text)
				if err != nil {
					t.Errorf("%s: %s: %v", name, text, err)
					continue
				}
				parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
					switch n := node.(type) {
					case *parser.VectorSelector:
						if !slices.ContainsFunc(n.LabelMatchers, func(m *labels.Matcher) bool {
							return m.Name == "job" && m.Type == labels.MatchEqual && m.Value == settings.Job
						}) {
							t.Errorf("%s: %s does not select the job", name, n)
						}
						checkTime(t, name, p, n.OriginalOffset)
					case *parser.MatrixSelector:
						checkTime(t, name, p, n.Range)
					}
					return nil
				})
			}
		}
	}
}

// checkTime fails for a duration that is not in whole seconds or is shorter than
// two scrapes.
func checkTime(t *testing.T, name string, p catalog.Pace, d time.Duration) {
	t.Helper()
	if d%time.Second != 0 || d > 0 && d < 2*p.Scrape {
		t.Errorf("%s at %s pace: %s does not cover two scrapes in whole seconds", name, p.Name, d)
	}
}

// The demo pace differs from the real pace only in durations: it is twelve times as
// fast.
func TestPacesDifferOnlyInDurations(t *testing.T) {
	t.Parallel()
	s := catalog.DefaultSettings()
	fast := catalog.Alerts(s, catalog.Demo())
	for i, a := range catalog.Alerts(s, catalog.Real()) {
		b := fast[i]
		if a.Name != b.Name || a.Severity != b.Severity || a.For != 12*b.For || a.KeepFiringFor != 12*b.KeepFiringFor {
			t.Errorf("%s: %s after %s against %s after %s", a.Name, a.Severity, a.For, b.Severity, b.For)
		}
		if a.For%(12*time.Second) != 0 || a.KeepFiringFor%(12*time.Second) != 0 {
			t.Errorf("%s waits for %s, which is not a multiple of 12 s", a.Name, a.For)
		}
	}
	names := func(p catalog.Pace) (all []string) {
		for _, rec := range catalog.Recordings(s, p) {
			all = append(all, rec.Record)
		}
		return all
	}
	if a, b := names(catalog.Real()), names(catalog.Demo()); !slices.Equal(a, b) {
		t.Errorf("recordings %q and %q", a, b)
	}
}

// Thresholds come from the settings, and the texts contain them.
func TestThresholdsAreSettings(t *testing.T) {
	t.Parallel()
	s := catalog.DefaultSettings()
	s.FailureShare, s.DenialShare, s.ItemErrorShare, s.QueueShare = 0.0311, 0.0322, 0.0333, 0.344
	s.BuyLatency, s.Latency, s.DatabaseLatency = 5550*time.Millisecond, 1660*time.Millisecond, 770*time.Millisecond
	s.CPUPercent, s.MemoryPercent, s.DatabaseErrorRate, s.MinimumRate = 88.8, 77.7, 6.66, 1.23
	if err := s.Validate(); err != nil {
		t.Fatal(err)
	}
	want := map[string][]string{ // in the expression, in the description
		"HighFailureRate": {"> 0.0311", "3.11 %"}, "HighDenialRate": {"> 0.0322", "3.22 %"}, "ItemErrors": {"> 0.0333", "3.33 %"},
		"QueueFilling": {"> 0.344", "34.4 %"}, "HighLatency": {"> 5.55\n", "5s550ms"}, "DatabaseSlow": {"> 0.77\n", "770ms"},
		"HighCPU": {"> 88.8", "88.8 %"}, "HighMemory": {"> 77.7", "77.7 %"}, "DatabaseErrors": {"> 6.66\n", "6.66"},
	}
	for _, a := range catalog.Alerts(s, catalog.Real()) {
		if w := want[a.Name]; len(w) > 0 && (!strings.Contains(a.Expr, w[0]) || !strings.Contains(a.Description, w[1])) {
			t.Errorf("%s: want %q in %s\n%s", a.Name, w, a.Expr, a.Description)
		}
		if strings.Contains(a.Expr, "> 0.2\n") || a.Name == "HighFailureRate" && !strings.HasSuffix(a.Expr, "> 1.23") {
			t.Errorf("%s has another minimum of traffic: %s", a.Name, a.Expr)
		}
	}
}

func TestRuleFileRejectsInvalidSettings(t *testing.T) {
	t.Parallel()
	for flag, change := range map[string]func(*catalog.Settings){
		"--job":                       func(s *catalog.Settings) { s.Job = "" },
		"--alert-failure-share":       func(s *catalog.Settings) { s.FailureShare = math.NaN() },
		"--alert-queue-share":         func(s *catalog.Settings) { s.QueueShare = 1.1 },
		"--alert-cpu-percent":         func(s *catalog.Settings) { s.CPUPercent = 0 },
		"--alert-minimum-rate":        func(s *catalog.Settings) { s.MinimumRate = math.Inf(1) },
		"--alert-database-latency":    func(s *catalog.Settings) { s.DatabaseLatency = -time.Second },
		"--alert-database-error-rate": func(s *catalog.Settings) { s.DatabaseErrorRate = -1 },
	} {
		s := catalog.DefaultSettings()
		change(&s)
		if _, err := catalog.RuleFile(s, catalog.Real()); err == nil || !strings.Contains(err.Error(), flag) {
			t.Errorf("%s: error %v", flag, err)
		}
	}
}

// A pipe in a cell must be escaped, because it would end the cell.
func TestRunbookIndexIsATable(t *testing.T) {
	t.Parallel()
	a := realAlerts()[0]
	a.Meaning, a.Provoke = "This | that. More", catalog.Provocation{Also: "a | b"}
	index := string(catalog.RunbookIndex([]catalog.Alert{a}))
	if !strings.HasSuffix(index, `| critical | This \| that | a \| b |`+"\n") {
		t.Errorf("index is %s", index)
	}
}
