package verdict_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"onsale/internal/stress/result"
	"onsale/internal/stress/stats"
	"onsale/internal/stress/verdict"
)

func ms(n float64) stats.MS { return stats.MS(n * float64(time.Millisecond)) }

// latency returns a distribution whose times are all different, so that metrics cannot
// be confused.
func latency(base float64) stats.Latency {
	return stats.Latency{
		Min: ms(base + 1), Mean: ms(base + 35), P50: ms(base + 50), P66: ms(base + 66), P75: ms(base + 75), P80: ms(base + 80),
		P90: ms(base + 90), P95: ms(base + 95), P98: ms(base + 98), P99: ms(base + 99), P999: ms(base + 99.9),
		P9999: ms(base + 99.99), Max: ms(base + 100),
	}
}

// sale returns a run of the ticket scenario: 1000 requests in 10 s, 200 of them with a
// name that two methods share.
func sale() stats.Snapshot {
	service := latency(0)
	return stats.Snapshot{
		Duration: 10,
		Due:      1000, NotSent: 20,
		Total: stats.Summary{
			Requests: 1000, Failures: 12, Rate: 100, Business: map[string]int64{"denied": 30, "sold_out": 5, "queued": 7},
			Response: latency(500), Service: &service,
		},
		Entries: []stats.Summary{
			{Method: "GET", Name: "/concerts", Requests: 700, Rate: 70, Response: latency(0)},
			{
				Method: "POST", Name: "/buy/[id]", Requests: 100, Failures: 12, Rate: 10,
				Business: map[string]int64{"denied": 30}, Response: latency(1000),
			},
			{Method: "POST", Name: "/items/{id}>{x}", Requests: 150, Rate: 15, Response: latency(300)},
			{Method: "DELETE", Name: "/items/{id}>{x}", Requests: 50, Rate: 5, Failures: 1, Response: latency(200)},
			{Method: "GET", Name: "/never", Requests: 0},
		},
	}
}

func judge(t *testing.T, s stats.Snapshot, exprs ...string) result.Verdict {
	t.Helper()
	list, err := verdict.ParseAll(exprs)
	if err != nil {
		t.Fatal(err)
	}
	return verdict.Judge(s, stats.Self{}, list)
}

func TestEachMetric(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		expr, value string
		// reason is why the run fails; empty if it passes.
		reason string
	}{
		{"p50>550ms", "550 ms", ""},
		{"p50>=550ms", "550 ms", "p50 was 550 ms, not under 550 ms"},
		{"p66>565ms", "566 ms", "p66 was 566 ms, over 565 ms"},
		{"p75>574ms", "575 ms", "p75 was 575 ms, over 574 ms"},
		{"p80>579ms", "580 ms", "p80 was 580 ms, over 579 ms"},
		{"p90>589ms", "590 ms", "p90 was 590 ms, over 589 ms"},
		{"p95>594ms", "595 ms", "p95 was 595 ms, over 594 ms"},
		{"p98>597ms", "598 ms", "p98 was 598 ms, over 597 ms"},
		{"p99>598ms", "599 ms", "p99 was 599 ms, over 598 ms"},
		{"p99.9>599ms", "599.9 ms", "p99.9 was 599.9 ms, over 599 ms"},
		{"p99.99>599.98ms", "599.99 ms", "p99.99 was 599.99 ms, over 599.98 ms"},
		{"mean>0.5s", "535 ms", "mean was 535 ms, over 500 ms"},
		{"avg > 500 ms", "535 ms", "avg was 535 ms, over 500 ms"},
		{"MIN<=501ms", "501 ms", "min was 501 ms, not over 501 ms"},
		{"max>600000us", "600 ms", ""},
		{"max>1m", "600 ms", ""},
		{"service.p95>94ms", "95 ms", "p95 of the service time was 95 ms, over 94 ms"},
		{"service.max>100ms", "100 ms", ""},
		{"failures>12", "12", ""},
		{"failures>11", "12", "12 requests failed, over 11"},
		{"failures>1%", "1.2 %", "1.2 % of the requests failed, over 1 %"},
		{"failures>1.2%", "1.2 %", ""},
		{"requests<1000", "1000", ""},
		{"requests<1001", "1000", "1000 requests in all, under 1001"},
		{"rps<100.5", "100/s", "the rate was 100/s, under 100.5/s"},
		{"rps<100/s", "100/s", ""},
		{"denied>=3%", "3 %", "3 % of the answers were denied, not under 3 %"},
		{"sold_out>4", "5", "5 answers of kind sold_out, over 4"},
		{"outcome.queued>0", "7", "7 answers of kind queued, over 0"},
		{"outcome.never_seen>0", "0", ""},
		{"not_sent>1%", "2 %", "2 % of the tasks due were not sent, over 1 %"},
		{"not_sent>20", "20", ""},
		{"p95{/buy/[id]}>1s", "1.095 s", "p95 of /buy/[id] was 1.095 s, over 1 s"},
		{"p95 { POST /buy/[id] } > 1s", "1.095 s", "p95 of POST /buy/[id] was 1.095 s, over 1 s"},
		{"failures{/buy/[id]}>10%", "12 %", "12 % of the requests of /buy/[id] failed, over 10 %"},
		{"failures{DELETE /items/{id}>{x}}>0", "1", "1 request of DELETE /items/{id}>{x} failed, over 0"},
		{"denied{/buy/[id]}>29%", "30 %", "30 % of the answers of /buy/[id] were denied, over 29 %"},
		{"rps{/concerts}<71", "70/s", "the rate of /concerts was 70/s, under 71/s"},
		// If methods share a name, counts add up and each method's times count.
		{"requests{/items/{id}>{x}}<200", "200", ""},
		{"rps{/items/{id}>{x}}<21", "20/s", "the rate of /items/{id}>{x} was 20/s, under 21/s"},
		{"failures{/items/{id}>{x}}>0.4%", "0.5 %", "0.5 % of the requests of /items/{id}>{x} failed, over 0.4 %"},
		{"p95{/items/{id}>{x}}>390ms", "395 ms", "p95 of /items/{id}>{x} was 395 ms, over 390 ms"},
		{"p95{/items/{id}>{x}}<300ms", "295 ms", "p95 of /items/{id}>{x} was 295 ms, under 300 ms"},
		// No request has this name. Only their number is known.
		{
			"p95{/by/[id]}>1h", "no request was named /by/[id] (there were GET /concerts, POST /buy/[id], POST /items/{id}>{x}, DELETE /items/{id}>{x})",
			"p95{/by/[id]}>1h could not be judged: no request was named /by/[id] (there were GET /concerts, POST /buy/[id], POST /items/{id}>{x}, DELETE /items/{id}>{x})",
		},
		{
			"failures{/never}>0", "no request was named /never (there were GET /concerts, POST /buy/[id], POST /items/{id}>{x}, DELETE /items/{id}>{x})",
			"failures{/never}>0 could not be judged: no request was named /never (there were GET /concerts, POST /buy/[id], POST /items/{id}>{x}, DELETE /items/{id}>{x})",
		},
		{"requests{/never}>0", "0", ""},
		{"requests{/never}<1", "0", "0 requests of /never in all, under 1"},
	} {
		t.Run(c.expr, func(t *testing.T) {
			t.Parallel()
			v := judge(t, sale(), c.expr)
			if len(v.Checks) != 1 || v.Checks[0].Expr != c.expr || v.Checks[0].Value != c.value || v.Checks[0].Crossed != (c.reason != "") {
				t.Errorf("checks are %+v; want %q", v.Checks, c.value)
			}
			switch {
			case c.reason == "" && (v.Code != result.Passed || len(v.Reasons) > 0):
				t.Errorf("it came to %d %q; want it passed", v.Code, v.Reasons)
			case c.reason != "" && (v.Code != result.Failed || strings.Join(v.Reasons, "|") != c.reason):
				t.Errorf("it came to %d %q; want it failed as %q", v.Code, v.Reasons, c.reason)
			}
		})
	}
}

// A value that crosses a limit by very little is not shown as the limit.
func TestValueDiffersFromItsLimit(t *testing.T) {
	t.Parallel()
	s := sale()
	s.Total.Response.P95 = stats.MS(500*time.Millisecond + 7*time.Microsecond)
	v := judge(t, s, "p95>500ms")
	if want := "p95 was 500.01 ms, over 500 ms"; len(v.Reasons) != 1 || v.Reasons[0] != want {
		t.Errorf("reasons are %q; want %q", v.Reasons, want)
	}
	s.Total.Response.P95 = stats.MS(999_960 * time.Microsecond)
	if v := judge(t, s, "p95<1s"); v.Checks[0].Value != "999.96 ms" {
		t.Errorf("0.99996 s is shown as %s, with a limit of 1 s", v.Checks[0].Value)
	}
}

// TestSharesAreExact: a share exactly at a limit is neither over nor under it.
func TestSharesAreExact(t *testing.T) {
	t.Parallel()
	const of = 1000
	for n := range int64(of + 1) {
		percent := strconv.FormatInt(n/10, 10) + "." + strconv.FormatInt(n%10, 10)
		s := stats.Snapshot{Total: stats.Summary{Requests: of, Failures: n}}
		v := judge(t, s, "failures>"+percent+"%", "failures<"+percent+"%", "failures>="+percent+"%", "failures<="+percent+"%")
		if c := v.Checks; c[0].Crossed || c[1].Crossed || !c[2].Crossed || !c[3].Crossed {
			t.Fatalf("%d of %d against %s%%: %+v", n, of, percent, c)
		}
	}
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	s := sale()
	v := judge(t, s)
	if want := "12 requests failed, over 0|2 % of the tasks due were not sent, over 1 %"; strings.Join(v.Reasons, "|") != want || v.Code != result.Failed {
		t.Errorf("it came to %d %q; want %q", v.Code, v.Reasons, want)
	}
	if v := judge(t, s, "none"); v.Code != result.Passed || len(v.Reasons) != 0 || v.Checks == nil {
		t.Errorf("with none, it came to %+v", v)
	}
	s.Total.Failures, s.NotSent = 0, 10
	if v := judge(t, s); v.Code != result.Passed {
		t.Errorf("without a failure and with a hundredth not sent, it came to %+v; denials are none", v)
	}
	// A closed model has no due tasks.
	s.Due, s.NotSent = 0, 0
	if v := judge(t, s); v.Code != result.Passed || v.Checks[1].Value != "0 %" {
		t.Errorf("a closed model came to %+v", v)
	}
}

func TestNothingSentFails(t *testing.T) {
	t.Parallel()
	for _, exprs := range [][]string{nil, {"none"}, {"p95>1s", "p95{/buy}>1s", "failures>0"}} {
		if v := judge(t, stats.Snapshot{}, exprs...); v.Code != result.Failed || len(v.Reasons) != 1 || v.Reasons[0] != "nothing was sent" {
			t.Errorf("with %q an empty run came to %+v", exprs, v)
		}
	}
	v := judge(t, stats.Snapshot{Due: 1, NotSent: 1})
	if v.Reasons[0] != "nothing was sent, though 1 task was due" {
		t.Errorf("reasons are %q", v.Reasons)
	}
}

// A target that refuses every request is fast: a threshold on time alone must not pass
// it.
func TestOnlyFailuresFail(t *testing.T) {
	t.Parallel()
	s := sale()
	s.Total.Failures = s.Total.Requests
	v := judge(t, s, "p95>1h")
	if v.Code != result.Failed || len(v.Reasons) != 1 || v.Reasons[0] != "all requests failed" {
		t.Errorf("it came to %+v", v)
	}
	if v := judge(t, s, "p95>1h", "failures>100%"); v.Code != result.Passed {
		t.Errorf("with failures allowed, it came to %+v", v)
	}
	if v := judge(t, s, "none"); v.Code != result.Passed {
		t.Errorf("without thresholds, it came to %+v", v)
	}
}

func TestBottleneckBeatsAll(t *testing.T) {
	t.Parallel()
	self := stats.Self{Bottleneck: true, Reasons: []string{"all cores were busy", "it was 80 ms late"}}
	const sentence = "the load tester could not keep up, so the figures say little about the target|all cores were busy|it was 80 ms late"
	list, err := verdict.ParseAll([]string{"p95>1ms"})
	if err != nil {
		t.Fatal(err)
	}
	v := verdict.Judge(sale(), self, list)
	if v.Code != result.Bottleneck || strings.Join(v.Reasons, "|") != sentence+"|p95 was 595 ms, over 1 ms" || !v.Checks[0].Crossed {
		t.Errorf("together with a crossed threshold it came to %+v", v)
	}
	v = verdict.Judge(sale(), self, nil)
	if v.Code != result.Bottleneck || strings.Join(v.Reasons, "|") != sentence {
		t.Errorf("alone it came to %+v", v)
	}
	v = verdict.Judge(stats.Snapshot{}, stats.Self{Bottleneck: true}, nil)
	if v.Code != result.Bottleneck || len(v.Reasons) != 2 || v.Reasons[1] != "nothing was sent" {
		t.Errorf("of an empty run it came to %+v", v)
	}
}

func TestCrossedWhileItRuns(t *testing.T) {
	t.Parallel()
	few := func(s *stats.Snapshot) { s.Total.Requests, s.Entries[1].Requests = 99, 99 }
	for _, c := range []struct {
		name, expr string
		after      time.Duration
		change     func(s *stats.Snapshot)
		want       bool
	}{
		{"a count of failures cannot recover", "failures>0", 0, few, true},
		{"and one within its limit is not", "failures>12", time.Hour, nil, false},
		{"a maximum cannot recover", "max>599ms", 0, few, true},
		{"a minimum cannot recover", "min<502ms", 0, few, true},
		{"a minimum may still fall", "min>500ms", 0, nil, false},
		{"a share may still recover", "failures>1%", 9 * time.Second, nil, false},
		{"until it is due", "failures>1%", 10 * time.Second, nil, true},
		{"but not that of a few", "failures>1%", time.Hour, few, false},
		{"a percentile may still recover", "p95>500ms", 9 * time.Second, nil, false},
		{"until it is due", "p95>500ms", 10 * time.Second, nil, true},
		{"but not that of a few", "p95>500ms", time.Hour, few, false},
		{"nor that of a few of the name", "p95{/buy/[id]}>500ms", time.Hour, few, false},
		{"which counts when there are many", "p95{/buy/[id]}>500ms", time.Hour, nil, true},
		{"a rate may still rise", "rps<1000", 9 * time.Second, nil, false},
		{"until it is due", "rps<1000", 10 * time.Second, nil, true},
		{"also with nothing sent at all", "rps<1000", 10 * time.Second, func(s *stats.Snapshot) { *s = stats.Snapshot{} }, true},
		{"a growing count is not judged early", "requests<100000", time.Hour, nil, false},
		{"too many are too many", "requests>999", 0, nil, true},
		{"a share of what is not sent may still recover", "not_sent>1%", 0, nil, false},
		{"until it is due", "not_sent>1%", time.Minute, nil, true},
		{"a name may still appear", "failures{/later}>0", time.Hour, nil, false},
		{"no request, no time", "p95<1s", time.Hour, func(s *stats.Snapshot) { *s = stats.Snapshot{} }, false},
	} {
		t.Run(c.name+" "+c.expr, func(t *testing.T) {
			t.Parallel()
			s := sale()
			if c.change != nil {
				c.change(&s)
			}
			list, err := verdict.ParseAll([]string{c.expr, "failures>99%"})
			if err != nil {
				t.Fatal(err)
			}
			crossed := verdict.Crossed(s, c.after, list)
			if got := len(crossed) > 0; got != c.want {
				t.Errorf("after %v crossed are %+v; want %v", c.after, crossed, c.want)
			}
			if c.want && (crossed[0].Expr != c.expr || !crossed[0].Crossed || crossed[0].Value == "") {
				t.Errorf("crossed are %+v", crossed)
			}
		})
	}
}
