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

// TestNoQueryThatPassesCostsTooMuch sends queries made at random, the same ones
// every time, to a Prometheus in a process of its own, for some seconds.
func TestNoQueryThatPassesCostsTooMuch(t *testing.T) {
	t.Parallel()
	const budget, least = 5 * time.Second, 30
	c, dice := startChild(t), rand.New(rand.NewPCG(10, 4))
	passed, refused, sent := 0, 0, 0
	for until := time.Now().Add(budget); time.Now().Before(until) || sent < least; sent++ {
		call, form := randomCall(dice)
		u := c.post(t, call, form)
		u.within(t, fmt.Sprint("query ", sent, ": ", call, " ", form))
		switch u.status {
		case http.StatusOK:
			passed++
		case http.StatusUnprocessableEntity:
			refused++
		}
	}
	t.Logf("%d queries: %d answered, %d refused", sent, passed, refused)
	if passed == 0 || refused == 0 {
		t.Errorf("of %d queries %d passed and %d were refused: the test tells nothing", sent, passed, refused)
	}
}

// FuzzGuard looks for a query that passes the guard and costs too much.
func FuzzGuard(f *testing.F) {
	dice := rand.New(rand.NewPCG(1, 1))
	for range 5 {
		_, form := randomCall(dice)
		f.Add(uint8(dice.Uint32()), form.Get("query"), uint16(dice.Uint32()), uint16(dice.Uint32()))
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

// formOf are the parameters of every call for a query of so many steps, each of
// so many seconds, until now. The last is for the calls that take selectors.
func formOf(query string, steps, step int) url.Values {
	now := time.Now().Unix()
	return url.Values{
		"query": {query}, "start": {strconv.FormatInt(now-int64(steps*step), 10)},
		"end": {strconv.FormatInt(now, 10)}, "step": {strconv.Itoa(step)},
	}
}

func randomCall(dice *rand.Rand) (call string, form url.Values) {
	steps := []int{0, 1, 60, 1000, 10_900}[dice.IntN(5)]
	step := []int{1, 15, 600}[dice.IntN(3)]
	if dice.IntN(8) == 0 {
		selectors := make([]string, 1+dice.IntN(40))
		for i := range selectors {
			selectors[i] = randomSelector(dice)
		}
		form := formOf("", steps, step)
		form.Del("query")
		form["match[]"] = selectors
		return []string{"series", "labels", "label/endpoint/values"}[dice.IntN(3)], form
	}
	call = queryCalls[min(dice.IntN(8), dice.IntN(len(queryCalls)))]
	return call, formOf(randomExpr(dice, 1+dice.IntN(6)), steps, step)
}

func pick(dice *rand.Rand, of ...string) string { return of[dice.IntN(len(of))] }

func randomDuration(dice *rand.Rand) string {
	return pick(dice, "1ms", "1s", "15s", "1m", "5m", "1h", "1d", "9d", "1y", "200y", "90", "1h30m")
}

func randomSelector(dice *rand.Rand) string {
	return pick(dice, "heat", "duration", "http_requests_total", "up", `{__name__=~".+"}`, `http_requests_total{endpoint=~"/r1.*|/r2.*"}`,
		`http_requests_total{le!~"(1?){30}.*"}`, `{job="ticket_system",status=~"`+strings.Repeat("[0-9a-z]*", 1+dice.IntN(150))+`"}`)
}

// randomExpr makes an expression of some depth, of the kinds that allocate, repeat,
// multiply or recurse. Many are refused by the parser.
func randomExpr(dice *rand.Rand, depth int) string {
	if depth <= 0 {
		return pick(dice, randomSelector(dice), "1", "vector(time())", randomSelector(dice)+" offset "+randomDuration(dice),
			randomSelector(dice)+" @ end()")
	}
	inner := func() string { return randomExpr(dice, depth-1-dice.IntN(2)) }
	switch dice.IntN(11) {
	case 0, 1:
		return pick(dice, "rate", "max_over_time", "deriv", "changes", "count_over_time", "absent_over_time", "last_over_time", "stddev_over_time") +
			"(" + randomSelector(dice) + "[" + randomDuration(dice) + "])"
	case 2:
		return "quantile_over_time(0.9, (" + inner() + ")[" + randomDuration(dice) + ":" + pick(dice, "", randomDuration(dice)) + "])"
	case 3:
		return pick(dice, "max", "deriv", "sum", "stddev") + "_over_time((" + inner() + ")[" + randomDuration(dice) + ":" + randomDuration(dice) + "])"
	case 4:
		return "count_values(" + pick(dice, `"v"`, `"job"`) + ", " + inner() + ")"
	case 5:
		return pick(dice, "sum by (endpoint)", "topk(3,", "quantile(0.5,", "count without (le)", "max") + pick(dice, "(", "") + inner() + pick(dice, ")", "")
	case 6:
		return "label_replace(" + inner() + `, "job", "` + strings.Repeat("$1", 1+dice.IntN(5)) + `", "job", "(.*)` + pick(dice, "", ".*", "(a?){20}") + `")`
	case 7:
		return "label_join(" + inner() + `, "job", "-"` + strings.Repeat(`, "job"`, 1+dice.IntN(6)) + ")"
	case 8:
		return strings.Repeat(pick(dice, "-", "(", "abs(", inner()+" or "), 1+dice.IntN(40)) + inner()
	case 9:
		return "(" + inner() + ") " + pick(dice, "+", "> bool", "and", "or", "unless on (job)", "* on (endpoint, status, le) group_left", "== ignoring (le)") + " (" + inner() + ")"
	default:
		return pick(dice, "abs", "sort", "timestamp", "histogram_quantile", "scalar", "absent", "-", "+") + "(" + inner() + ")"
	}
}
