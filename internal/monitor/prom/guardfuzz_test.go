package prom_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestNoQueryThatPassesCostsTooMuch sends random queries to a Prometheus in its own
// process for some seconds. The seed is fixed.
func TestNoQueryThatPassesCostsTooMuch(t *testing.T) {
	t.Parallel()
	const budget, least = 5 * time.Second, 30
	c, random := startChild(t), rand.New(rand.NewPCG(10, 4))
	passed, refused, sent := 0, 0, 0
	for until := time.Now().Add(budget); time.Now().Before(until) || sent < least; sent++ {
		call, form := randomCall(random)
		u := c.post(t, call, form)
		u.within(t, fmt.Sprint("query ", sent, ": ", call, " ", form))
		switch u.status {
		case http.StatusOK:
			passed++
		case http.StatusUnprocessableEntity:
			refused++
		}
	}
	t.Logf("%d queries: %d answered, %d rejected", sent, passed, refused)
	if passed == 0 || refused == 0 {
		t.Errorf("of %d queries %d passed and %d were rejected, so the test proves nothing", sent, passed, refused)
	}
}

// FuzzGuard searches for a query that passes the guard and costs too much.
func FuzzGuard(f *testing.F) {
	random := rand.New(rand.NewPCG(1, 1))
	for range 5 {
		_, form := randomCall(random)
		f.Add(uint8(random.Uint32()), form.Get("query"), uint16(random.Uint32()), uint16(random.Uint32()))
	}
	for i, attack := range attacks() {
		f.Add(uint8(i), attack.form.Get("query"), uint16(10_000), uint16(1))
	}
	c := startChild(f)
	f.Fuzz(func(t *testing.T, call uint8, query string, steps, step uint16) {
		name := queryCalls[int(call)%len(queryCalls)]
		u := c.post(t, name, formOf(query, int(steps)%11_000, max(1, int(step))))
		u.within(t, name+" "+query)
	})
}

// queryCalls are the calls that take an expression.
var queryCalls = []string{"query", "query_range", "format_query", "parse_query", "query_exemplars"}

// formOf returns the parameters of all calls, for a query with a number of steps, each of
// some seconds, until now. The last parameter is for calls that take selectors.
func formOf(query string, steps, step int) url.Values {
	now := time.Now().Unix()
	return url.Values{
		"query": {query}, "start": {strconv.FormatInt(now-int64(steps*step), 10)},
		"end": {strconv.FormatInt(now, 10)}, "step": {strconv.Itoa(step)},
	}
}

func randomCall(random *rand.Rand) (call string, form url.Values) {
	steps := []int{0, 1, 60, 1000, 10_900}[random.IntN(5)]
	step := []int{1, 15, 600}[random.IntN(3)]
	if random.IntN(8) == 0 {
		selectors := make([]string, 1+random.IntN(40))
		for i := range selectors {
			selectors[i] = randomSelector(random)
		}
		form := formOf("", steps, step)
		form.Del("query")
		form["match[]"] = selectors
		return []string{"series", "labels", "label/endpoint/values"}[random.IntN(3)], form
	}
	call = queryCalls[min(random.IntN(8), random.IntN(len(queryCalls)))]
	return call, formOf(randomExpr(random, 1+random.IntN(6)), steps, step)
}

func pick(random *rand.Rand, of ...string) string { return of[random.IntN(len(of))] }

func randomDuration(random *rand.Rand) string {
	return pick(random, "1ms", "1s", "15s", "1m", "5m", "1h", "1d", "9d", "1y", "200y", "90", "1h30m")
}

func randomSelector(random *rand.Rand) string {
	return pick(random, "heat", "duration", "http_requests_total", "up", `{__name__=~".+"}`, `http_requests_total{endpoint=~"/r1.*|/r2.*"}`,
		`http_requests_total{le!~"(1?){30}.*"}`, `{job="ticket_system",status=~"`+strings.Repeat("[0-9a-z]*", 1+random.IntN(150))+`"}`)
}

// randomExpr returns an expression of a depth, of the kinds that allocate, repeat,
// multiply or recurse. The parser rejects many of them.
func randomExpr(random *rand.Rand, depth int) string {
	if depth <= 0 {
		return pick(random, randomSelector(random), "1", "vector(time())", randomSelector(random)+" offset "+randomDuration(random),
			randomSelector(random)+" @ end()")
	}
	inner := func() string { return randomExpr(random, depth-1-random.IntN(2)) }
	switch random.IntN(11) {
	case 0, 1:
		return pick(random, "rate", "max_over_time", "deriv", "changes", "count_over_time", "absent_over_time", "last_over_time", "stddev_over_time") +
			"(" + randomSelector(random) + "[" + randomDuration(random) + "])"
	case 2:
		return "quantile_over_time(0.9, (" + inner() + ")[" + randomDuration(random) + ":" + pick(random, "", randomDuration(random)) + "])"
	case 3:
		return pick(random, "max", "deriv", "sum", "stddev") + "_over_time((" + inner() + ")[" + randomDuration(random) + ":" + randomDuration(random) + "])"
	case 4:
		return "count_values(" + pick(random, `"v"`, `"job"`) + ", " + inner() + ")"
	case 5:
		return pick(random, "sum by (endpoint)", "topk(3,", "quantile(0.5,", "count without (le)", "max") + pick(random, "(", "") + inner() + pick(random, ")", "")
	case 6:
		return "label_replace(" + inner() + `, "job", "` + strings.Repeat("$1", 1+random.IntN(5)) + `", "job", "(.*)` + pick(random, "", ".*", "(a?){20}") + `")`
	case 7:
		return "label_join(" + inner() + `, "job", "-"` + strings.Repeat(`, "job"`, 1+random.IntN(6)) + ")"
	case 8:
		return strings.Repeat(pick(random, "-", "(", "abs(", inner()+" or "), 1+random.IntN(40)) + inner()
	case 9:
		return "(" + inner() + ") " + pick(random, "+", "> bool", "and", "or", "unless on (job)", "* on (endpoint, status, le) group_left", "== ignoring (le)") + " (" + inner() + ")"
	default:
		return pick(random, "abs", "sort", "timestamp", "histogram_quantile", "scalar", "absent", "-", "+") + "(" + inner() + ")"
	}
}
