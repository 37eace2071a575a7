package guard_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/promql/parser"

	"onsale/internal/monitor/guard"
)

// deepest is the deepest nesting of an accepted query in the parser. Each parenthesis,
// operator and bracket adds a few levels.
const deepest = 3 * (50 + 150 + 50)

func query(text string) guard.Query {
	return guard.Query{Texts: []string{text}, DefaultStep: time.Second}
}

func TestOrdinaryQueriesPass(t *testing.T) {
	t.Parallel()
	for _, expr := range []string{
		`up`, `sum by (job) (rate(http_requests_total{status=~"5..", endpoint!~"/health|/ready"}[1m30s]))`,
		`max_over_time(rate(x_total[5m])[1h:])`, "avg_over_time(\n  up[ 3h : 1s ] # comment ] \"\n)", `x[90]`, `x[0.5]`,
		`label_replace(label_replace(up, "a", "$1:$2", "instance", "([^:]+):([0-9]+)"), "b", "$1", "a", "(.+)")`,
		`{"http.requests", "label with [brackets]"="a", 'or'="b", c=~"[0-9a-f]{8}-[0-9a-f]{4}"}`, "`raw [string]`", `a and b or c unless d`,
		`1 - -2 ^ 3e-4`, `quantile_over_time(0.5, x[6h:1m] offset 1w)`, `x @ end() - x offset -5m`,
	} {
		if err := query(expr).Check(); err != nil {
			t.Errorf("%s: %v", expr, err)
		}
		if _, err := parser.NewParser(parser.Options{}).ParseExpr(expr); err != nil {
			t.Errorf("the test itself is wrong: %v", err)
		}
	}
}

// TestLimitsAreExact checks a query at each limit and one that exceeds it by one.
func TestLimitsAreExact(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ within, beyond, says string }{
		{"up[10999s:1s]", "up[11000s:1s]", "11001 points in time; at most 11000"},
		{"x[5499s:1s]" + strings.Repeat(" ", 10) + "[1s:1s]", "x[5500s:1s][5500s:1s]", "at 11001 points"},
		{strings.Repeat("(", 50) + "1" + strings.Repeat(")", 50), strings.Repeat("(", 51) + "1" + strings.Repeat(")", 51), "51 nested parentheses"},
		{strings.Repeat("-", 150) + "1", strings.Repeat("-", 151) + "1", "151 operators"},
		{"x{" + strings.Repeat(`a!~"",`, 150) + "}", "x{" + strings.Repeat(`a!~"",`, 151) + "}", "151 label matchers"},
		{strings.Repeat("x[1m],", 50), strings.Repeat("x[1m],", 51), "51 ranges"},
		{strings.Repeat("(x[1m:1m]),", 10), strings.Repeat("(x[1m:1m]),", 11), "11 subqueries"},
		{strings.Repeat(" ", guard.MaxBytes), strings.Repeat(" ", guard.MaxBytes+1), "16385 bytes"},
		{`"` + strings.Repeat("a", 16_000) + `"`, `"(` + strings.Repeat("a", 1000) + `){21}"`, "instructions; at most 20000"},
	} {
		if c.says != "" {
			if err := query(c.within).Check(); err != nil {
				t.Errorf("%.80s: %v", c.within, err)
			}
			if err := query(c.beyond).Check(); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%.80s: %v, want %q in it", c.beyond, err, c.says)
			}
		}
	}
}

func TestSpanMultiplies(t *testing.T) {
	t.Parallel()
	q := query("max_over_time(up[1h:1s])")
	q.Span, q.Step = time.Hour, time.Second
	if err := q.Check(); err != nil {
		t.Errorf("an hour in steps of a second: %v", err)
	}
	q.Span = 3 * time.Hour
	if err := q.Check(); err == nil || !strings.Contains(err.Error(), "at 14401 points") {
		t.Errorf("three hours in steps of a second: %v", err)
	}
	q.Span, q.Step = 11_001*time.Minute, time.Minute
	if err := q.Check(); err == nil || !strings.Contains(err.Error(), "11001 steps; at most 11000") {
		t.Errorf("11,001 steps: %v", err)
	}
}

func TestRegexps(t *testing.T) {
	t.Parallel()
	for expr, fine := range map[string]bool{
		`.*`: true, `/buy.*|/items/[0-9]+`: true, `(?i)(foo|bar)+`: true, strings.Repeat("instance-1:9090|", 500) + "x": true,
		`(broken`:     true, // it does not compile, so it costs nothing
		`(a{10}){10}`: true, `(a{10}){100}`: false, `(a?){1000}`: false, `(((a|b)?){10}){50}`: false, `\pL{20}`: false,
	} {
		if err := guard.Regexps(expr); (err == nil) != fine {
			t.Errorf("%.40s: %v", expr, err)
		}
	}
}

// FuzzCheck compares the guard with the parser: an accepted query does not nest deeper,
// and has no more points, than the limits allow.
func FuzzCheck(f *testing.F) {
	for _, expr := range []string{
		"up[1y:1ms]", "f(x[5m])[1h:1m] + g(y)[1d:1d]", "max_over_time((a[2h:1s] or b)[3h:1s])", "-a[1h:1s]", `x{a="]"}[1h:]`, "a @ 5 [1h:1s]",
		"a offset 5m [3h:1s]", "(a)[1h:1s]#]\n[1h:1s]", "up or.5", "a[1h:1s] @ start() [2h:1s]", `{"x[1y:1ms]"}`, "x[#\n1y:1ms]",
	} {
		f.Add(expr, uint16(0), uint16(1))
		f.Add(expr, uint16(9000), uint16(15))
	}
	p := parser.NewParser(parser.Options{})
	f.Fuzz(func(t *testing.T, text string, steps, seconds uint16) {
		q := query(text)
		q.Step = time.Duration(max(1, seconds)) * time.Second
		q.Span = time.Duration(steps) * q.Step
		if q.Check() != nil {
			return
		}
		expr, err := p.ParseExpr(text)
		if err != nil {
			return
		}
		parser.Inspect(expr, func(n parser.Node, path []parser.Node) error {
			if len(path) > deepest {
				t.Fatalf("%q nests %d levels deep", text, len(path))
			}
			if s, ok := n.(*parser.SubqueryExpr); ok {
				if points := pointsOf(q, s, path); points > guard.MaxPoints {
					t.Fatalf("%q: %s has %d points", text, s, points)
				}
			}
			return nil
		})
	})
}

// pointsOf returns the number of points at which a subquery is evaluated.
func pointsOf(q guard.Query, s *parser.SubqueryExpr, path []parser.Node) int64 {
	length, step := q.Span+s.Range, s.Step
	for _, around := range path {
		if outer, ok := around.(*parser.SubqueryExpr); ok && outer != s {
			length += outer.Range
		}
	}
	if step == 0 {
		step = q.DefaultStep
	}
	return int64(length/step) + 1
}

// TestParserHasNoExperimentalFeatures checks that the parser accepts in brackets only
// what the guard understands.
func TestParserHasNoExperimentalFeatures(t *testing.T) {
	t.Parallel()
	p := parser.NewParser(parser.Options{})
	for _, expr := range []string{"x[1h+1h]", "x[step()]", "x[5m:1m+1m]", "x[max_of(1h, 2h)]", "info(x)", "x[5m] smoothed", "x + fill(0) y"} {
		_, err := p.ParseExpr(expr)
		if problem, ok := errors.AsType[parser.ParseErrors](err); !ok || len(problem) == 0 {
			t.Errorf("the parser accepts %s", expr)
		}
	}
}
