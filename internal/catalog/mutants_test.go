//go:build !race

// These tests are pure calculations, so the race detector finds nothing in them.
// With it, they take minutes.

package catalog_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"onsale/internal/catalog"
)

// mutant is a mistake in one rule.
type mutant struct {
	// alert is the alert whose cases must detect the mistake.
	alert string
	// rule is the recording to change; empty for the alert itself.
	rule string
	// field is "expr", or "for", which is removed.
	field    string
	old, new string
}

// mutants returns plausible mistakes. Each removes or changes a condition that
// makes an alert fire or stay silent.
func mutants() []mutant {
	const soldOut = "job_concert:onsale_sold_out:bool"
	all := []mutant{
		{alert: "HighFailureRate", old: `,status!="409"`},
		{alert: "HighFailureRate", old: `4..|5..`, new: `5..`},
		{alert: "HighFailureRate", old: `> 0.02`, new: `>= 0.02`},
		{alert: "HighFailureRate", old: `> 0.2`, new: `> 0`},
		{alert: "HighFailureRate", old: `,endpoint!~"/health|/ready|/metrics"`},
		{alert: "HighFailureRate", old: `[1m]`, new: `[10s]`},
		{alert: "HighFailureRate", old: `rate(`, new: `avg_over_time(`},
		{alert: "HighDenialRate", old: `"invalid|not_found|replayed"`, new: `"none"`},
		{alert: "HighDenialRate", old: `outcome="denied"`, new: `outcome=~"denied|sold_out"`},
		{alert: "HighDenialRate", old: `> 0.02`, new: `>= 0.02`},
		{alert: "HighDenialRate", old: `> 0.2`, new: `> 0`},
		{alert: "HighLatency", old: `> 5`, new: `> 2`},
		{alert: "HighLatency", old: `> 5`, new: `>= 5`},
		{alert: "HighLatency", old: "> 1\n", new: "> 5\n"},
		{alert: "HighLatency", old: `|/health|/ready|/metrics`},
		{alert: "HighLatency", old: `> 0.2`, new: `> 0`},
		{alert: "HighLatency", old: `rate(request_duration_seconds_bucket`, new: `rate(other_bucket`},
		{alert: "HighLatency", old: ` unless on (job, instance) last_over_time(onsale_request_duration_seconds_count{job="ticket_system"}[2m])`},
		{alert: "HighLatency", old: ` unless on (job, instance) last_over_time`, new: ` unless on (job) last_over_time`},
		{alert: "HighLatency", old: `or vector(0.95)`, new: `or vector(0.5)`},
		{alert: "HighLatency", old: `or vector(0.95)`},
		{alert: "HighLatency", old: `1 - 0.05 *`, new: `0.95 + 0 *`},
		{alert: "HighLatency", old: `clamp_max(`, new: `clamp_min(`},
		{alert: "HighLatency", old: `rate(request_latency_bucket`, new: `rate(other_bucket`},
		{alert: "ItemErrors", old: `total_requests_total`, new: `other_total`},
		{alert: "ItemErrors", old: `/api/items.*`, new: `/.*`},
		{alert: "ItemErrors", old: `> 0.05`, new: `>= 0.05`},
		{alert: "ItemErrors", old: `> 0.2`, new: `> 0`},
		{alert: "ItemErrors", old: `rate(`, new: `avg_over_time(`},
		{alert: "ConcertSoldOut", old: `offset 10m) == 1`, new: `offset 10m) == 2`},
		{alert: "ConcertSoldOut", old: `[10m]) == 0`, new: `[10m]) == 1`},
		{alert: "ConcertSoldOut", old: `and on (job) job:onsale_concerts:sum{job="ticket_system"} offset 10m`},
		{alert: "ConcertSoldOut", old: `and on (job) job:onsale_concerts:sum`, new: `and on (job) up`},
		{alert: "ConcertSoldOut", old: `max_over_time(` + soldOut + `{job="ticket_system"}[10m]) == 1`, new: soldOut + `{job="ticket_system"} == 1`},
		{alert: "ConcertSoldOut", rule: soldOut, old: `concert!="other"`, new: `concert!=""`},
		{alert: "ConcertSoldOut", rule: soldOut, old: `max by`, new: `min by`},
		{alert: "BooksDoNotBalance", old: `abs(`, new: `(`},
		{alert: "BooksDoNotBalance", old: `max by (job) `, new: `min by (job) `},
		{alert: "BooksDoNotBalance", old: `last_over_time(onsale_books_difference_tickets{job="ticket_system"}[1m])`, new: `onsale_books_difference_tickets{job="ticket_system"}`},
		{alert: "BooksDoNotBalance", old: `> 0`, new: `>= 0`},
		{alert: "DatabaseErrors", old: `kind!="conflict"`, new: `kind!=""`},
		{alert: "DatabaseErrors", old: `> 0.2`, new: `> 0.1`},
		{alert: "DatabaseErrors", old: `min by`, new: `max by`},
		{alert: "DatabaseErrors", old: `) < 1`, new: `) < 0`},
		{alert: "DatabaseErrors", old: `rate(`, new: `avg_over_time(`},
		{alert: "DatabaseSlow", old: `"audit_books|read_books"`, new: `"none"`},
		{alert: "DatabaseSlow", old: `> 0.5`, new: `> 0.1`},
		{alert: "DatabaseSlow", old: `> 0.2`, new: `> 0`},
		{alert: "QueueFilling", old: `> 0.5`, new: `>= 0.5`},
		{alert: "QueueFilling", old: `avg_over_time`, new: `max_over_time`},
		{alert: "QueueFilling", old: `max_over_time(onsale_queue_limit_orders{job="ticket_system"}[1m])`, new: `onsale_queue_limit_orders{job="ticket_system"}`},
		{alert: "InstanceDown", old: `or absent(up{job="ticket_system"})`},
		{alert: "InstanceDown", old: `up{job="ticket_system"} <`, new: `up <`},
		{alert: "InstanceDown", old: `up{job="ticket_system"} <`, new: `max_over_time(up{job="ticket_system"}[1m]) <`},
		{alert: "MetricsMissing", old: `[1h]`, new: `[10m]`},
		{alert: "MetricsMissing", old: `[1h]`, new: `[2h]`},
		{alert: "MetricsMissing", rule: "job_series:onsale_watched:count", old: `(job, __name__)`, new: `(job, __name__, instance)`},
		{alert: "MetricsMissing", rule: "job_series:onsale_watched:count", old: `onsale_purchases_total|`},
		{alert: "AvailabilityBurnFast", old: `> 2.5`, new: `> 0`},
		{alert: "AvailabilityBurnSlow", old: `> 2.5`, new: `> 0`},
		{alert: "AvailabilityBurnFast", rule: "job_slo:errors:rate1m", old: `5..`, new: `4..|5..`},
	}
	for _, name := range []string{"HighCPU", "HighMemory"} {
		all = append(all,
			mutant{alert: name, old: `> 90`, new: `>= 90`},
			mutant{alert: name, old: `avg_over_time`, new: `max_over_time`},
			mutant{alert: name, old: `{job="ticket_system"}`})
	}
	for _, name := range []string{"AvailabilityBurn", "LatencyBurn"} {
		all = append(all,
			mutant{alert: name + "Fast", old: `ratio_rate1m`, new: `ratio_rate15m`},
			mutant{alert: name + "Fast", old: `ratio_rate15m`, new: `ratio_rate1m`},
			mutant{alert: name + "Fast", old: `> 0.2`, new: `> 0`},
			mutant{alert: name + "Slow", old: `ratio_rate10m`, new: `ratio_rate90m`},
			mutant{alert: name + "Slow", old: `ratio_rate90m`, new: `ratio_rate10m`},
			mutant{alert: name + "Slow", old: `> 0.2`, new: `> 0`})
	}
	for i := range all {
		all[i].field = "expr"
	}
	for _, a := range realAlerts() {
		if a.For > 0 && a.Labels["slo"] == "" {
			all = append(all, mutant{alert: a.Name, field: "for"})
		}
	}
	return all
}

// apply changes the rules.
func (m mutant) apply(t *testing.T, file ruleFile) {
	t.Helper()
	changed := 0
	for _, group := range file.Groups {
		for _, rule := range group.Rules {
			if m.rule == "" && rule["alert"] != m.alert || m.rule != "" && rule["record"] != m.rule {
				continue
			}
			before, _ := rule[m.field].(string)
			if m.field == "for" {
				delete(rule, m.field)
				changed++
				continue
			}
			after := strings.ReplaceAll(before, m.old, m.new)
			if after != before {
				rule[m.field] = after
				changed++
			}
		}
	}
	if changed == 0 {
		t.Fatalf("the rules of %s do not contain %q", m.alert, m.old)
	}
}

// This is the negative control of the cases: they fail for a rule with a mistake.
func TestCasesDetectMistakes(t *testing.T) {
	t.Parallel()
	for _, m := range mutants() {
		name := m.alert + ": " + strings.TrimSpace(m.rule+" "+m.field+" "+m.old+" to "+m.new)
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := rulesFor(t, catalog.Real(), m.alert)
			m.apply(t, file)
			sim := newSimulator(t, file)
			cases := readCases(t, casesOf(m.alert))
			if !slices.ContainsFunc(cases.Tests, func(c ruleCase) bool { return len(sim.run(t, c, cases.Evaluate)) > 0 }) {
				t.Error("no case fails")
			}
		})
	}
}

// One mistake with promtool shows that its run can fail.
func TestPromtoolDetectsAMistake(t *testing.T) {
	t.Parallel()
	const alert = "HighFailureRate"
	file := rulesFor(t, catalog.Real(), alert)
	mutant{alert: alert, field: "expr", old: `,status!="409"`}.apply(t, file)
	if out, ok := promtool(t, "test", "rules", casesFor(t, file.write(t), casesOf(alert))); ok {
		t.Errorf("promtool succeeds: %s", out)
	} else if !strings.Contains(out, "FAILED") {
		t.Errorf("promtool fails for another reason: %s", out)
	}
}

// casesFor copies a file of cases, with the given rule file.
func casesFor(t *testing.T, ruleFile, cases string) string {
	t.Helper()
	text, err := os.ReadFile(cases)
	if err != nil {
		t.Fatal(err)
	}
	return writeTemp(t, []byte(strings.ReplaceAll(string(text), "../rules.yml", ruleFile)))
}
