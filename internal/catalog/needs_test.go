package catalog_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"

	"onsale/internal/catalog"
)

// namesRead returns the metric names that the alert reads from targets, directly or
// through recordings.
func namesRead(t *testing.T, alert string) []string {
	t.Helper()
	promQL := parser.NewParser(parser.Options{})
	var names, recorded []string
	slo := ""
	for _, rule := range slices.Backward(rulesFor(t, catalog.Real(), alert).Groups[0].Rules) {
		set, _ := rule["labels"].(map[string]any)
		of, _ := set["slo"].(string)
		if rule["alert"] != nil {
			slo = of
		} else if of != "" && of != slo {
			continue // belongs to another objective
		}
		if record, ok := rule["record"].(string); ok {
			recorded = append(recorded, record)
		}
		text, _ := rule["expr"].(string)
		expr, err := promQL.ParseExpr(text)
		if err != nil {
			t.Fatal(err)
		}
		for _, matchers := range parser.ExtractSelectors(expr) {
			for _, m := range matchers {
				if m.Name == model.MetricNameLabel {
					names = append(names, strings.Split(m.Value, "|")...)
				}
			}
		}
	}
	names = slices.DeleteFunc(names, func(name string) bool { return slices.Contains(recorded, name) })
	slices.Sort(names)
	return slices.Compact(names)
}

// declared returns the metric names that the alert declares to read.
func declared(a catalog.Alert) []string {
	names := slices.Clone(a.Later)
	for _, all := range a.Needs {
		for _, s := range all {
			names = append(names, s.Name)
		}
	}
	if a.Needs == nil {
		names = append(names, "up")
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// The names that an alert declares are those that its expression reads, including
// through recordings.
func TestAlertsDeclareWhatTheyRead(t *testing.T) {
	t.Parallel()
	for _, a := range realAlerts() {
		if got, want := declared(a), namesRead(t, a.Name); !slices.Equal(got, want) {
			t.Errorf("%s declares %q and reads %q", a.Name, got, want)
		}
	}
}

// keep returns the case with only the series that pass.
func keep(t *testing.T, c ruleCase, pass func(labels.Labels) bool) ruleCase {
	t.Helper()
	kept := c
	kept.Input = slices.DeleteFunc(slices.Clone(c.Input), func(in caseInput) bool { return !pass(metric(t, in.Series)) })
	return kept
}

// fires reports whether the alert fires in one of its cases with only the series
// that pass.
func fires(t *testing.T, alert string, pass func(labels.Labels) bool) bool {
	t.Helper()
	sim := newSimulator(t, rulesFor(t, catalog.Real(), alert))
	cases := readCases(t, casesOf(alert))
	return slices.ContainsFunc(cases.Tests, func(c ruleCase) bool {
		return sim.fires(t, keep(t, c, pass), alert, cases.Evaluate)
	})
}

// matches reports whether labels belong to a series that an alert needs.
func matches(t *testing.T, s catalog.Series, l labels.Labels) bool {
	t.Helper()
	matchers, err := parser.NewParser(parser.Options{}).ParseMetricSelector(s.Selector("ticket_system"))
	if err != nil {
		t.Fatal(err)
	}
	return !slices.ContainsFunc(matchers, func(m *labels.Matcher) bool { return !m.Matches(l.Get(m.Name)) }) &&
		s.HasBucket(l.Get("le"))
}

// Each alternative of an alert's needs is enough: the alert fires with only its
// series.
func TestAlertsFireWithWhatTheyNeed(t *testing.T) {
	t.Parallel()
	for _, a := range realAlerts() {
		needs := a.Needs
		if needs == nil {
			needs = [][]catalog.Series{nil}
		}
		if a.Name == "MetricsMissing" { // its alternatives are equivalent, and its cases contain only this one
			needs = slices.DeleteFunc(slices.Clone(needs), func(all []catalog.Series) bool {
				return all[0].Name != "cpu_usage_percent"
			})
		}
		for _, all := range needs {
			t.Run(a.Name+" "+strings.Join(words(all), " "), func(t *testing.T) {
				t.Parallel()
				if !fires(t, a.Name, func(l labels.Labels) bool {
					name := l.Get(model.MetricNameLabel)
					return name == "up" || slices.Contains(a.Later, name) ||
						slices.ContainsFunc(all, func(s catalog.Series) bool { return s.Name == name })
				}) {
					t.Errorf("it never fires with only %v", all)
				}
			})
		}
	}
}

// If one series of each alternative is missing, the alert never fires, whatever
// other series exist.
func TestAlertsNeverFireWithoutWhatTheyNeed(t *testing.T) {
	t.Parallel()
	for _, a := range realAlerts() {
		for _, gone := range oneOfEach(a.Needs) {
			t.Run(a.Name+" "+strings.Join(words(gone), " "), func(t *testing.T) {
				t.Parallel()
				if len(a.Judge(func(s catalog.Series) bool { return !slices.Contains(gone, s) })) == 0 {
					t.Error("Judge reports that it can fire")
				}
				if fires(t, a.Name, func(l labels.Labels) bool {
					return !slices.ContainsFunc(gone, func(s catalog.Series) bool { return matches(t, s, l) })
				}) {
					t.Error("it fires")
				}
			})
		}
	}
}

// oneOfEach returns all ways to choose one series from each alternative.
func oneOfEach(needs [][]catalog.Series) [][]catalog.Series {
	if len(needs) == 0 {
		return nil
	}
	ways := [][]catalog.Series{nil}
	for _, all := range needs {
		var longer [][]catalog.Series
		for _, way := range ways {
			for _, s := range all {
				longer = append(longer, append(slices.Clone(way), s))
			}
		}
		ways = longer
	}
	return ways
}

func words(all []catalog.Series) (texts []string) {
	for _, s := range all {
		texts = append(texts, s.String())
	}
	return texts
}

// Judge returns the alternative with the fewest missing series.
func TestJudgeReturnsTheFewestMissingSeries(t *testing.T) {
	t.Parallel()
	a, b, c := catalog.Series{Name: "a"}, catalog.Series{Name: "b"}, catalog.Series{Name: "c"}
	alert := catalog.Alert{Needs: [][]catalog.Series{{a, b}, {c}}}
	for _, test := range []struct{ have, missing []catalog.Series }{
		{nil, []catalog.Series{c}},
		{[]catalog.Series{a}, []catalog.Series{b}},
		{[]catalog.Series{a, b}, nil},
		{[]catalog.Series{c}, nil},
	} {
		missing := alert.Judge(func(s catalog.Series) bool { return slices.Contains(test.have, s) })
		if !slices.Equal(missing, test.missing) {
			t.Errorf("with %v: %v is missing, want %v", test.have, missing, test.missing)
		}
	}
	if missing := (catalog.Alert{}).Judge(func(catalog.Series) bool { return false }); missing != nil {
		t.Errorf("%v is missing for an alert that needs nothing", missing)
	}
}

// A quantile cannot exceed the last finite bucket.
func TestBucketsMustReachBeyondTheLimit(t *testing.T) {
	t.Parallel()
	s := catalog.Series{Name: "x_bucket", Above: 5}
	for le, want := range map[string]bool{"5": false, "5.0": false, "7.5": true, "10.0": true, "+Inf": false, "": false, "x": false, "NaN": false} {
		if got := s.HasBucket(le); got != want {
			t.Errorf("le=%q: %v, want %v", le, got, want)
		}
	}
}
