package catalog_test

import (
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"onsale/internal/catalog"
)

// casesOf returns the path of an alert's promtool test cases.
func casesOf(alert string) string {
	return filepath.Join("..", "..", "deploy", "prometheus", "tests", alert+"_test.yml")
}

// realAlerts returns the alerts of the files under deploy/.
func realAlerts() []catalog.Alert {
	return catalog.Alerts(catalog.DefaultSettings(), catalog.Real())
}

// promtool runs promtool and reports whether it succeeded.
func promtool(t *testing.T, args ...string) (output string, ok bool) {
	t.Helper()
	program, err := exec.LookPath("promtool")
	if err != nil {
		t.Fatal("promtool is missing: install prometheus (make deps does so on Debian and Ubuntu)")
	}
	out, err := exec.CommandContext(t.Context(), program, args...).CombinedOutput()
	return string(out), err == nil
}

func TestPromtoolReadsTheRules(t *testing.T) {
	t.Parallel()
	for _, p := range catalog.Paces() {
		text, err := catalog.RuleFile(catalog.DefaultSettings(), p)
		if err != nil {
			t.Fatal(err)
		}
		if out, ok := promtool(t, "check", "rules", "--lint=all", "--lint-fatal", writeTemp(t, text)); !ok {
			t.Errorf("%s pace: %s", p.Name, out)
		}
	}
	if out, ok := promtool(t, "check", "config", filepath.Join("..", "..", "deploy", "prometheus", "prometheus.yml")); !ok {
		t.Error(out)
	}
}

// Each alert has a file of cases in which it fires and in which it does not. This
// test runs them with Debian's promtool on the committed rule file.
func TestCasesOnPromtool(t *testing.T) {
	t.Parallel()
	for _, a := range realAlerts() {
		t.Run(a.Name, func(t *testing.T) {
			t.Parallel()
			if out, ok := promtool(t, "test", "rules", casesOf(a.Name)); !ok {
				t.Error(out)
			}
		})
	}
}

// This test runs the same cases on the embedded Prometheus.
func TestCasesOnTheEmbeddedPrometheus(t *testing.T) {
	t.Parallel()
	for _, a := range realAlerts() {
		t.Run(a.Name, func(t *testing.T) {
			t.Parallel()
			cases := readCases(t, casesOf(a.Name))
			if !slices.Equal(cases.RuleFiles, []string{"../rules.yml"}) {
				t.Errorf("rule files %q", cases.RuleFiles)
			}
			for _, wrong := range simulate(t, cases, rulesFor(t, catalog.Real(), a.Name)) {
				t.Error(wrong)
			}
		})
	}
}

// A file of cases proves little unless its alert fires in one case and stays silent
// in another.
func TestCasesShowBothSides(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(casesOf("*"))
	if err != nil || len(files) != len(realAlerts()) {
		t.Errorf("%d files of cases for %d alerts, %v", len(files), len(realAlerts()), err)
	}
	for _, a := range realAlerts() {
		var firing, silent, worded bool
		for _, c := range readCases(t, casesOf(a.Name)).Tests {
			for _, e := range c.Exprs {
				silent = silent || len(e.Want) == 0 && strings.HasPrefix(e.Expr, "count_over_time(ALERTS{alertname=\""+a.Name+"\",alertstate=\"firing\"}")
				for _, s := range e.Want {
					firing = firing || strings.Contains(s.Labels, `alertstate="firing"`)
				}
			}
			for _, w := range c.Alerts {
				worded = worded || len(w.Want) > 0
			}
		}
		if !firing || !silent || !worded {
			t.Errorf("%s: has a case where it fires: %v, where it never fires: %v, and for its texts: %v", a.Name, firing, silent, worded)
		}
	}
}

// At the demo pace, all windows contain whole numbers of scrapes.
func TestCasesAtDemoPace(t *testing.T) {
	t.Parallel()
	cases := readCases(t, filepath.Join("testdata", "demo.yml"))
	for _, wrong := range simulate(t, cases, rulesFor(t, catalog.Demo(), "")) {
		t.Error(wrong)
	}
}
