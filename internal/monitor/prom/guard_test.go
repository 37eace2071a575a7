package prom_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// attack is a call that is rejected before the library sees it.
type attack struct {
	name, call string
	form       url.Values
	says       string // part of the error
}

func attacks() []attack {
	query := func(expr string) url.Values { return url.Values{"query": {expr}} }
	ranged := func(expr string) url.Values { return formOf(expr, 10_990, 1) }
	with := func(form url.Values, name string, values ...string) url.Values {
		form[name] = values
		return form
	}
	return []attack{
		{"subquery of a year", "query", query("up[1y:1ms]"), "at 31536000001 points in time; at most 11000"},
		{"subquery inside a function", "query", query("sum_over_time(vector(1)[1y:1ms])"), "at most 11000"},
		{"subquery without a step", "query", query("up[4h:]"), "in steps of 200ms is evaluated at 72001 points"},
		{"subquery with spaces and comments", "query", query("up [ 1y # a year\n : 1ms ]"), "at most 11000"},
		{"subquery in seconds", "query", query("up[31536000:0.001]"), "at most 11000"},
		{"subquery inside a subquery", "query", query("max_over_time(max_over_time(up[3h:1s])[3h:1s])"), "at most 11000"},
		{"subqueries that read each other's windows", "query", query("max_over_time(max_over_time(up[90m:1s])[90m:1s])"), "points for each series; at most 20000000"},
		{"subquery at every step of a range", "query_range", ranged("max_over_time(up[1m:1s])"), "at most 11000"},
		{"subquery whose windows overlap", "query_range", formOf("quantile_over_time(0.5, up[90m:1s])", 5400, 1), "at most 20000000"},
		{"duration in another base", "query", query("up[0x7fffffff:1]"), "is not a duration"},
		{"duration expression", "query", query("up[1h+1h:1s]"), "is not a duration"},
		{"string in a bracket", "query", query(`up["]":1ms]`), "in brackets"},
		{"nested calls", "query", query(strings.Repeat("abs(", 2000) + "up" + strings.Repeat(")", 2000)), "at most 50"},
		{"nested calls that are not closed", "parse_query", query(strings.Repeat("abs(", 4000)), "at most 50"},
		{"a long query", "query", query(strings.Repeat("a(", 15_000)), "30000 bytes; at most 16384"},
		{"parentheses to format", "format_query", query(strings.Repeat("(", 8000) + "1" + strings.Repeat(")", 8000)), "at most 50"},
		{"chain of operators", "format_query", query(strings.Repeat("1+", 8000) + "1"), "operators; at most 150"},
		{"chain of words and numbers", "parse_query", query(strings.Repeat("up or.5 ", 2000)), "at most 150"},
		{"chain of signs", "query", query(strings.Repeat("-", 16_000) + "1"), "at most 150"},
		{"chain of comparisons", "query", query(strings.Repeat("up>bool ", 2000) + "up"), "at most 150"},
		{"matchers", "query", query("up{" + strings.Repeat(`a!="",`, 2000) + "}"), "label matchers; at most 150"},
		{"labels that double", "query", query(strings.Repeat("label_replace(", 20) + "up" + strings.Repeat(`,"a","$1$1","a","(.*)")`, 20)), "labels of"},
		{"labels that double, hidden", "query", query(strings.Repeat("label_replace(", 20) + "up" + strings.Repeat(`,"a",("\x241\x241"),"a","(.*)")`, 20)), "labels of"},
		{"labels that are joined", "query", query(strings.Repeat("label_join(", 20) + "up" + strings.Repeat(`,"a","","a","a","a")`, 20)), "labels of"},
		{"regular expression that repeats", "query", query(`up{a=~"` + strings.Repeat("(a?){100}", 20) + `"}`), "at most 1000"},
		{"regular expression of large classes", "query", query(`up{a=~"` + strings.Repeat(`\\pL{900}`, 40) + `"}`), "at most 20000"},
		{"regular expression on a long label", "query", query(`label_replace(up,"a","$1$1$1$1$1$1$1$1","a","(a?b?c?d?e?f?g?h?i?j?k?l?m?n?o?p?)+")`), "steps for a label"},
		{"regular expression in a selector", "series", url.Values{"match[]": {`{a=~"(a?){1000}"}`}}, "at most 1000"},
		{"regular expressions in many selectors", "labels", url.Values{"match[]": strings.Split(strings.Repeat(`{a=~"(a?){20}"} `, 50)+"up", " ")}, "at most 1000"},
		{"regular expression of a label's values", "label/a/values", url.Values{"match[]": {`{a=~"(a?){1000}"}`}}, "at most 1000"},
		{"regular expression of rules", "rules", url.Values{"match[]": {`{a=~"(a?){1000}"}`}}, "at most 1000"},
		{"regular expression of targets", "targets/metadata", url.Values{"match_target": {`{a=~"(a?){1000}"}`}}, "at most 1000"},
		{"matchers of targets", "targets/metadata", url.Values{"match_target": {"{" + strings.Repeat(`a!="",`, 2000) + "}"}}, "at most 150"},
		{"regular expression of metrics", "status/self_metrics", url.Values{"metric_name_pattern": {"(a?){1000}"}}, "at most 1000"},
		{"exemplars", "query_exemplars", query("abs(" + strings.Repeat("(", 60) + "up" + strings.Repeat(")", 61)), "at most 50"},
		{"many parameters", "series", url.Values{"match[]": strings.Split(strings.Repeat("up ", 200)+"up", " ")}, "201 parameters; at most 100"},
		{"points of a range", "query_range", formOf("up", 11_002, 1), "11002 steps; at most 11000"},
		{"step below a millisecond", "query_range", with(formOf("up", 0, 1), "step", "0.0001"), "a millisecond"},
		{"step that is not a number", "query_range", with(formOf("up", 60, 1), "step", "NaN"), "a millisecond"},
		{"time that is not a number", "query", with(query("up"), "time", "NaN"), "parameter time"},
		{"time that overflows", "query", with(query("up[1h:1s]"), "time", "1e300"), "parameter time"},
		{"start that overflows", "query_range", with(formOf("up", 60, 1), "start", "-1e18"), "parameter start"},
		{"end at the last time that Prometheus writes", "query_range", with(with(formOf("up", 60, 1), "step", "30d"), "end", "292277025-08-18T07:12:54.999999999Z"), "parameter end"},
		{"start at the first time that Prometheus writes", "query_range", with(formOf("up", 60, 1), "start", "-292273086-05-16T16:47:06Z"), "parameter start"},
		{"instant at the last time that Prometheus writes", "query", with(query("sum_over_time(vector(1)[1h:1m])"), "time", "292277025-08-18T07:12:54.999999999Z"), "parameter time"},
		{"lookback of centuries", "query", with(query("up"), "lookback_delta", "200y"), "parameter lookback_delta"},
		{"query given twice", "query", url.Values{"query": {"up", "up[1y:1ms]"}}, `"query" is given 2 times`},
	}
}

// TestAttacksAreRejected sends each attack by POST and, if it is short enough, by GET.
func TestAttacksAreRejected(t *testing.T) {
	t.Parallel()
	r := start(t, options(t, newTarget(t)))
	for _, a := range attacks() {
		t.Run(a.name, func(t *testing.T) {
			t.Parallel()
			refused := func(method, query, body string) {
				t.Helper()
				request, err := http.NewRequestWithContext(t.Context(), method, r.url+"/api/v1/"+a.call+query, strings.NewReader(body))
				if err != nil {
					t.Fatal(err)
				}
				if body != "" {
					request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
				}
				began := time.Now()
				status, body := statusAndBody(t, request)
				if s := status; s != http.StatusUnprocessableEntity && s != http.StatusBadRequest {
					t.Errorf("answered %d: %.300s", s, body)
				}
				if !strings.Contains(body, `"errorType":"bad_data"`) || !strings.Contains(strings.ReplaceAll(body, `\"`, `"`), a.says) {
					t.Errorf("want %q in %.500s", a.says, body)
				}
				if took := time.Since(began); took > deadline/3 {
					t.Errorf("took %s", took)
				}
			}
			encoded := a.form.Encode()
			refused(http.MethodPost, "", encoded)
			if len(encoded) < 60_000 {
				refused(http.MethodGet, "?"+encoded, "")
			}
		})
	}
}
