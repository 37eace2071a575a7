package export_test

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
	"go.yaml.in/yaml/v3"

	"onsale/internal/catalog"
	"onsale/internal/catalog/export"
)

// rule is a rule of a rule file.
type rule struct {
	Record, Alert, Expr, For string
	Labels, Annotations      map[string]string
}

// ruleFile returns the rule file exported with the options.
func ruleFile(t *testing.T, o export.Options) []byte {
	t.Helper()
	set, err := export.New(o)
	if err != nil {
		t.Fatal(err)
	}
	text, err := set.Rules()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// rulesOf returns the rules exported with the options.
func rulesOf(t *testing.T, o export.Options) []rule {
	t.Helper()
	text := ruleFile(t, o)
	var file struct {
		Groups []struct{ Rules []rule }
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Groups) != 1 {
		t.Fatalf("%d groups, want 1", len(file.Groups))
	}
	return file.Groups[0].Rules
}

// alertsOf returns the names of the alerts among rules.
func alertsOf(rules []rule) []string {
	var names []string
	for _, r := range rules {
		if r.Alert != "" {
			names = append(names, r.Alert)
		}
	}
	return names
}

// selectorsOf returns the selectors of an expression.
func selectorsOf(t *testing.T, expr string) [][]*labels.Matcher {
	t.Helper()
	tree, err := parser.NewParser(parser.Options{}).ParseExpr(expr)
	if err != nil {
		t.Fatalf("%s: %v", expr, err)
	}
	return parser.ExtractSelectors(tree)
}

// check runs a tool from Debian on a file.
func check(t *testing.T, name string, content []byte, tool string, args ...string) (output string, ok bool) {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	program, err := exec.LookPath(tool)
	if err != nil {
		t.Fatalf("%s is missing: make deps installs it on Debian and Ubuntu", tool)
	}
	out, err := exec.CommandContext(t.Context(), program, append(args, path)...).CombinedOutput()
	return string(out), err == nil
}

// TestRulesForAnyJobName checks that the rules select only the job, whatever its
// name is, and that Debian's promtool accepts them.
func TestRulesForAnyJobName(t *testing.T) {
	t.Parallel()
	for _, job := range []string{
		"shop/api", "shop.api+v2(x", `a "quoted" \ one`, "the shop's", "$job $calls", "[5m] offset 10m", "魚屋", "a: b # c", "{{ . }}", "true",
	} {
		t.Run(job, func(t *testing.T) {
			t.Parallel()
			for _, pace := range catalog.Paces() {
				o := export.DefaultOptions()
				o.Settings.Job, o.Pace = job, pace
				for _, r := range rulesOf(t, o) {
					for _, selector := range selectorsOf(t, r.Expr) {
						if !slices.ContainsFunc(selector, func(m *labels.Matcher) bool {
							return m.Name == "job" && m.Type == labels.MatchEqual && m.Value == job
						}) {
							t.Errorf("%s%s selects %v, want the job %q", r.Alert, r.Record, selector, job)
						}
					}
				}
			}
			o := export.DefaultOptions()
			o.Settings.Job = job
			if out, ok := check(t, "rules.yml", ruleFile(t, o), "promtool", "check", "rules"); !ok {
				t.Errorf("promtool: %s", out)
			}
		})
	}
}

// TestAlertsHaveTheUsersSettings checks that labels, severities, the address of
// runbooks and thresholds are in the rules of Prometheus and Grafana.
func TestAlertsHaveTheUsersSettings(t *testing.T) {
	t.Parallel()
	o := export.DefaultOptions()
	o.Labels = map[string]string{"team": "payments", "note": `{{ $labels.job }} $HOME "x"`}
	o.Severities = map[string]catalog.Severity{"HighCPU": catalog.Info, "AvailabilityBurnSlow": catalog.Critical}
	o.Settings.Runbooks = "https://wiki.example.com/?page=NAME"
	o.Settings.CPUPercent, o.Settings.Latency = 55.5, 1700*time.Millisecond
	set, err := export.New(o)
	if err != nil {
		t.Fatal(err)
	}
	want := make(map[string]string) // the severities
	for _, a := range catalog.Alerts(o.Settings, o.Pace) {
		want[a.Name] = string(a.Severity)
	}
	want["HighCPU"], want["AvailabilityBurnSlow"] = "info", "critical"

	alerts := make(map[string]rule)
	for _, r := range rulesOf(t, o) {
		switch {
		case r.Alert != "":
			alerts[r.Alert] = r
		case r.Labels["team"] != "":
			t.Errorf("the recording %s has labels of alerts", r.Record)
		}
	}
	if len(alerts) != len(want) {
		t.Errorf("alerts %v, want %v", slices.Sorted(maps.Keys(alerts)), slices.Sorted(maps.Keys(want)))
	}
	for name, r := range alerts {
		// Prometheus expands labels as templates. This one expands to the user's text.
		if r.Labels["team"] != "payments" || r.Labels["note"] != `{{"{{"}} $labels.job }} $HOME "x"` || r.Labels["severity"] != want[name] {
			t.Errorf("%s has the labels %v", name, r.Labels)
		}
		if got := r.Annotations["runbook_url"]; got != "https://wiki.example.com/?page="+name {
			t.Errorf("%s has its runbook at %s", name, got)
		}
	}
	if expr := alerts["HighCPU"].Expr; !strings.HasSuffix(expr, "> 55.5") {
		t.Errorf("HighCPU fires at %s", expr)
	}
	if alerts["AvailabilityBurnSlow"].Labels["slo"] != "availability" {
		t.Error("an alert lost one of its own labels")
	}
	for _, r := range readAlerting(t, set, "rules.yaml").Groups[0].Rules {
		// Unescaped, Grafana would expand $HOME.
		if r.Labels["note"] != `{{"{{"}} $$labels.job }} $$HOME "x"` || r.Labels["severity"] != want[r.Title] {
			t.Errorf("Grafana's %s has the labels %v", r.Title, r.Labels)
		}
	}
	o.Settings.Runbooks = ""
	for _, r := range rulesOf(t, o) {
		if _, ok := r.Annotations["runbook_url"]; ok {
			t.Errorf("%s links to a runbook without an address", r.Alert)
		}
	}
}

// TestDashboardsHaveTheUsersSettings checks that the dashboards contain the job,
// the thresholds and the window of the pace.
func TestDashboardsHaveTheUsersSettings(t *testing.T) {
	t.Parallel()
	o := export.DefaultOptions()
	o.Settings.Job, o.Settings.CPUPercent, o.Settings.QueueShare, o.Pace = "shop/api", 61.5, 0.375, catalog.Demo()
	set, err := export.New(o)
	if err != nil {
		t.Fatal(err)
	}
	tickets := string(dashboards(t, set)[0].Content)
	for _, want := range []string{`"text": "shop/api"`, `"value": 61.5`, "QueueFilling fires at 37.5 %", `"query": "5s,10s,`, `"text": "5s"`} {
		if !strings.Contains(tickets, want) {
			t.Errorf("the dashboard does not contain %s", want)
		}
	}
	if strings.Contains(tickets, "ticket_system") {
		t.Error("the dashboard names the job ticket_system")
	}
}

// TestErrorsNameTheFlag checks that an error names the flag and the expected value.
func TestErrorsNameTheFlag(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 1025)
	many := make(map[string]string)
	for _, c := range "abcdefghijklmnopqrstuvwxyzABCDE" {
		many[string(c)] = "x"
	}
	label := func(name, value string) func(*export.Options) {
		return func(o *export.Options) { o.Labels = map[string]string{name: value} }
	}
	severity := func(alert string, s catalog.Severity) func(*export.Options) {
		return func(o *export.Options) { o.Severities = map[string]catalog.Severity{alert: s} }
	}
	for name, c := range map[string]struct {
		change func(*export.Options)
		want   string
	}{
		"empty job":         {func(o *export.Options) { o.Settings.Job = "" }, "--job"},
		"job of two lines":  {func(o *export.Options) { o.Settings.Job = "a\nb" }, "--job"},
		"job in Latin-1":    {func(o *export.Options) { o.Settings.Job = "caf\xe9" }, "--job"},
		"share over 1":      {func(o *export.Options) { o.Settings.FailureShare = 5 }, "--alert-failure-share must be between 0 and 1"},
		"label with a dash": {label("my-team", "x"), "--label: the name of a label"},
		"label of digits":   {label("1st", "x"), "--label: the name of a label"},
		"no name":           {label("", "x"), "--label: the name of a label"},
		"Prometheus's own":  {label("__name__", "x"), "--label: names that start with __, such as __name__"},
		"severity":          {label("severity", "page"), "--severity ALERT=SEVERITY"},
		"job as label":      {label("job", "x"), "--label must not set job"},
		"instance":          {label("instance", "x"), "--label must not set instance"},
		"slo":               {label("slo", "x"), "--label must not set slo"},
		"empty value":       {label("team", ""), "--label: team must have a value"},
		"long value":        {label("team", long), "--label: the value of team must be at most 1024 bytes"},
		"value of lines":    {label("team", "a\nb"), "--label: the value of team"},
		"value in Latin-1":  {label("team", "caf\xe9"), "--label: the value of team"},
		"many labels":       {func(o *export.Options) { o.Labels = many }, "--label may be given at most 30 times"},
		"unknown alert":     {severity("HighCpu", catalog.Info), `unknown alert "HighCpu"; the alerts are AvailabilityBurnFast`},
		"unknown severity":  {severity("HighCPU", "page"), "--severity: HighCPU must be critical, warning or info"},
		"no severity":       {severity("HighCPU", ""), "--severity: HighCPU must be"},
		"template":          {func(o *export.Options) { o.Settings.Runbooks = "https://x/{{ .Name }}" }, "--runbook-url"},
		"long address":      {func(o *export.Options) { o.Settings.Runbooks = long }, "--runbook-url must be at most"},
	} {
		o := export.DefaultOptions()
		c.change(&o)
		if _, err := export.New(o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q in it", name, err, c.want)
		}
	}
}

// TestLabelsOfAlertsAreReserved checks that users cannot set a label that
// distinguishes alerts.
func TestLabelsOfAlertsAreReserved(t *testing.T) {
	t.Parallel()
	found := map[string]bool{"job": true}
	for _, a := range catalog.Alerts(catalog.DefaultSettings(), catalog.Real()) {
		for name := range a.Labels {
			found[name] = true
		}
		for _, text := range []string{a.Summary, a.Description} {
			for part := range strings.SplitSeq(text, "$labels.") {
				if name := part[:len(part)-len(strings.TrimLeft(part, "abcdefghijklmnopqrstuvwxyz_"))]; part != text && name != "" {
					found[name] = found[name] || strings.Contains(text, "$labels."+name)
				}
			}
		}
	}
	for name, ok := range found {
		o := export.DefaultOptions()
		o.Labels = map[string]string{name: "x"}
		if _, err := export.New(o); ok && err == nil {
			t.Errorf("--label %s=x is accepted, although alerts have that label", name)
		}
	}
	if !found["concert"] || !found["endpoint"] {
		t.Errorf("only %v were found", found)
	}
}
