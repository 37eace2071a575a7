package catalog_test

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/promql/promqltest"
	"github.com/prometheus/prometheus/rules"
	"github.com/prometheus/prometheus/util/teststorage"
	"go.yaml.in/yaml/v3"

	"onsale/internal/catalog"
)

// caseFile is a file of test cases in promtool's format. Parsing it here allows the
// same cases to run on the embedded Prometheus, whose ranges are left-open. Those
// of version 2 are closed.
type caseFile struct {
	RuleFiles []string       `yaml:"rule_files"`
	Evaluate  model.Duration `yaml:"evaluation_interval"`
	Tests     []ruleCase     `yaml:"tests"`
}

// ruleCase is one case: the scraped series and the expected results over time.
type ruleCase struct {
	Name     string         `yaml:"name"`
	Interval model.Duration `yaml:"interval"`
	Input    []caseInput    `yaml:"input_series"`
	Exprs    []struct {
		Expr string         `yaml:"expr"`
		At   model.Duration `yaml:"eval_time"`
		Want []struct {
			Labels string  `yaml:"labels"`
			Value  float64 `yaml:"value"`
		} `yaml:"exp_samples"`
	} `yaml:"promql_expr_test"`
	Alerts []caseAlert `yaml:"alert_rule_test"`
}

// caseInput is a scraped series.
type caseInput struct {
	Series string `yaml:"series"`
	Values string `yaml:"values"`
}

// caseAlert is the expected state of an alert at a time.
type caseAlert struct {
	At   model.Duration `yaml:"eval_time"`
	Name string         `yaml:"alertname"`
	Want []struct {
		Labels      map[string]string `yaml:"exp_labels"`
		Annotations map[string]string `yaml:"exp_annotations"`
	} `yaml:"exp_alerts"`
}

// readCases reads a file of test cases and rejects unknown fields.
func readCases(tb testing.TB, name string) caseFile {
	tb.Helper()
	file, err := os.Open(name)
	if err != nil {
		tb.Fatal(err)
	}
	defer file.Close()
	var cases caseFile
	dec := yaml.NewDecoder(file)
	dec.KnownFields(true)
	if err := dec.Decode(&cases); err != nil {
		tb.Fatalf("%s: %v", name, err)
	}
	return cases
}

// ruleFile is a rule file with rules that tests can change.
type ruleFile struct {
	Groups []struct {
		Name  string           `yaml:"name"`
		Rules []map[string]any `yaml:"rules"`
	} `yaml:"groups"`
}

// rulesFor returns an alert with the recordings that it reads, at a pace. An empty
// name returns all rules.
func rulesFor(tb testing.TB, p catalog.Pace, alert string) ruleFile {
	tb.Helper()
	text, err := catalog.RuleFile(catalog.DefaultSettings(), p)
	if err != nil {
		tb.Fatal(err)
	}
	var file ruleFile
	if err := yaml.Unmarshal(text, &file); err != nil {
		tb.Fatal(err)
	}
	if alert == "" {
		return file
	}
	for i, group := range file.Groups {
		var kept []map[string]any
		var read string // by the rules that are kept
		for _, rule := range slices.Backward(group.Rules) {
			record, _ := rule["record"].(string)
			if rule["alert"] == alert || record != "" && strings.Contains(read, record) {
				kept = append(kept, rule)
				read += fmt.Sprint(rule["expr"])
			}
		}
		slices.Reverse(kept)
		file.Groups[i].Rules = kept
	}
	return file
}

// write writes the rules to a temporary file.
func (f ruleFile) write(tb testing.TB) string {
	tb.Helper()
	text, err := yaml.Marshal(f)
	if err != nil {
		tb.Fatal(err)
	}
	return writeTemp(tb, text)
}

// simulate runs the cases with the rules on the embedded Prometheus and returns the
// differences.
func simulate(t *testing.T, cases caseFile, file ruleFile) []string {
	t.Helper()
	sim := newSimulator(t, file)
	var wrong []string
	for _, c := range cases.Tests {
		wrong = append(wrong, sim.run(t, c, cases.Evaluate)...)
	}
	return wrong
}

// simulator runs cases with the rules of a file.
type simulator struct {
	rules  string // the file's name
	engine *promql.Engine
}

func newSimulator(tb testing.TB, file ruleFile) simulator {
	tb.Helper()
	return simulator{file.write(tb), promqltest.NewTestEngineWithOpts(tb, promql.EngineOpts{
		MaxSamples: 1e6, Timeout: time.Minute, LookbackDelta: 5 * time.Minute, EnableAtModifier: true,
	})}
}

// begin loads the scraped series of a case.
func (sim simulator) begin(t *testing.T, c ruleCase) *simulation {
	t.Helper()
	var load strings.Builder
	fmt.Fprintf(&load, "load %s\n", c.Interval)
	for _, in := range c.Input {
		fmt.Fprintf(&load, "  %s %s\n", in.Series, in.Values)
	}
	return &simulation{storage: promqltest.LoadedStorage(t, load.String()), engine: sim.engine}
}

// fires reports whether an alert fires at one of the times at which the case
// expects it.
func (sim simulator) fires(t *testing.T, c ruleCase, alert string, every model.Duration) bool {
	t.Helper()
	s := sim.begin(t, c)
	defer s.storage.Close()
	fired := false
	for _, a := range c.Alerts {
		if len(a.Want) > 0 {
			s.at(a.At, func() { fired = fired || len(s.firing(alert)) > 0 })
		}
	}
	s.load(t, sim.rules, time.Duration(every))
	s.evaluate(t, time.Duration(every))
	return fired
}

// run runs one case and returns the differences.
func (sim simulator) run(t *testing.T, c ruleCase, every model.Duration) []string {
	t.Helper()
	s := sim.begin(t, c)
	defer s.storage.Close()
	var wrong []string
	for i, e := range c.Exprs {
		s.at(e.At, func() {
			var want []string
			for _, sample := range e.Want {
				want = append(want, fmt.Sprintf("%s %g", metric(t, sample.Labels), sample.Value))
			}
			if got := s.query(t, e.Expr); !same(got, want) {
				wrong = append(wrong, fmt.Sprintf("%s: expression %d at %s: got %q, want %q", c.Name, i+1, e.At, got, want))
			}
		})
	}
	for _, a := range c.Alerts {
		s.at(a.At, func() {
			var want []string
			for _, alert := range a.Want {
				want = append(want, described(with(alert.Labels, "alertname", a.Name), alert.Annotations))
			}
			if got := s.firing(a.Name); !same(got, want) {
				wrong = append(wrong, fmt.Sprintf("%s: %s at %s: got %q, want %q", c.Name, a.Name, a.At, got, want))
			}
		})
	}
	s.load(t, sim.rules, time.Duration(every))
	s.evaluate(t, time.Duration(every))
	return wrong
}

// simulation is a running case.
type simulation struct {
	storage *teststorage.TestStorage
	engine  *promql.Engine
	group   *rules.Group
	now     time.Time
	checks  []check
}

type check struct {
	at time.Duration
	do func()
}

func (s *simulation) at(at model.Duration, do func()) {
	s.checks = append(s.checks, check{time.Duration(at), do})
}

// load reads the rules.
func (s *simulation) load(tb testing.TB, name string, every time.Duration) {
	tb.Helper()
	manager := rules.NewManager(&rules.ManagerOptions{
		QueryFunc: rules.EngineQueryFunc(s.engine, s.storage), Context: tb.Context(),
		Appendable: s.storage, Queryable: s.storage, NotifyFunc: func(context.Context, string, ...*rules.Alert) {},
	})
	groups, errs := manager.LoadGroups(every, labels.EmptyLabels(), "", nil, false, name)
	if len(errs) > 0 || len(groups) != 1 {
		tb.Fatalf("%d groups, errors %v", len(groups), errs)
	}
	for _, s.group = range groups {
		for _, alert := range s.group.AlertingRules() {
			alert.SetRestored(true) // Prometheus writes ALERTS only after restoring, and there is nothing to restore
		}
	}
}

// evaluate evaluates the rules until the last check.
func (s *simulation) evaluate(t *testing.T, every time.Duration) {
	t.Helper()
	slices.SortStableFunc(s.checks, func(a, b check) int { return int(a.at - b.at) })
	for at := time.Duration(0); len(s.checks) > 0; at += every {
		s.now = time.Unix(0, 0).Add(at)
		s.group.Eval(t.Context(), s.now)
		for len(s.checks) > 0 && s.checks[0].at < at+every {
			s.checks[0].do()
			s.checks = s.checks[1:]
		}
	}
	for _, rule := range s.group.Rules() {
		if err := rule.LastError(); err != nil {
			t.Fatalf("%s: %v", rule.Name(), err)
		}
	}
}

// query returns the samples now.
func (s *simulation) query(t *testing.T, expr string) []string {
	t.Helper()
	vector, err := rules.EngineQueryFunc(s.engine, s.storage)(t.Context(), expr, s.now)
	if err != nil {
		t.Fatalf("%s: %v", expr, err)
	}
	var got []string
	for _, sample := range vector {
		got = append(got, fmt.Sprintf("%s %g", sample.Metric, sample.F))
	}
	return got
}

// firing returns the firing alerts of a name, with labels and annotations.
func (s *simulation) firing(name string) []string {
	var got []string
	for _, rule := range s.group.AlertingRules() {
		for _, alert := range rule.ActiveAlerts() {
			if rule.Name() == name && alert.State == rules.StateFiring {
				got = append(got, described(alert.Labels.Map(), alert.Annotations.Map()))
			}
		}
	}
	return got
}

// figure matches values that versions of Prometheus compute slightly differently.
var figure = regexp.MustCompile(`[0-9.]+(%| tickets| calls| database calls|m?s)`)

// described formats an alert's labels and annotations for comparison.
func described(l, annotations map[string]string) string {
	return labels.FromMap(l).String() + " " + figure.ReplaceAllString(labels.FromMap(annotations).String(), "N$1")
}

func with(l map[string]string, name, value string) map[string]string {
	all := map[string]string{name: value}
	maps.Copy(all, l)
	return all
}

// metric parses a series in PromQL.
func metric(tb testing.TB, text string) labels.Labels {
	tb.Helper()
	m, err := parser.NewParser(parser.Options{}).ParseMetric(text)
	if err != nil {
		tb.Fatalf("%s: %v", text, err)
	}
	return m
}

func same(got, want []string) bool {
	slices.Sort(got)
	slices.Sort(want)
	return slices.Equal(got, want)
}

// writeTemp writes a file that is removed after the test.
func writeTemp(tb testing.TB, text []byte) string {
	tb.Helper()
	name := filepath.Join(tb.TempDir(), "rules.yml")
	if err := os.WriteFile(name, text, 0o600); err != nil {
		tb.Fatal(err)
	}
	return name
}
