package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/promql/parser"

	"onsale/internal/catalog"
)

// drawLimit is how long it can take until all panels have data: a payment takes up to 4 s,
// and a rate needs two scrapes after it.
const drawLimit = 60 * time.Second

// allDraw waits until every query of the panels has a point. The queries that are left out
// must not have any by then.
func allDraw(t *testing.T, prometheus string, panels []catalog.Panel, leftOut func(catalog.Panel, catalog.Query) bool) {
	t.Helper()
	asker := &asker{base: prometheus, client: newClient()}
	defer asker.client.CloseIdleConnections()
	missing := map[string]func() string{} // by query, a function that checks it again
	var none []catalog.Query
	for _, p := range panels {
		for _, q := range p.Queries {
			if leftOut(p, q) {
				none = append(none, q)
				continue
			}
			missing[p.Title+", "+q.Expr] = func() string { return asker.draws(t.Context(), q) }
		}
	}
	until(t, drawLimit, "every panel has data", func() string {
		var still []string
		for what, look := range missing {
			if why := look(); why != "" {
				still = append(still, what+": "+why)
				continue
			}
			delete(missing, what)
		}
		slices.Sort(still)
		return strings.Join(still, "\n")
	})
	for _, q := range none {
		if why := asker.draws(t.Context(), q); why != "no series" {
			t.Errorf("%s must have no data here, but: %q", q.Legend, why)
		}
	}
}

// readers replaces the variables of a dashboard by a selection.
var readers = strings.NewReplacer("$job", "ticket_system", "$window", "1m")

// selectors returns queries for the series that a panel reads from a service that exports all
// of them. They need no firing alert, and leave out what follows "or" and "unless", which is
// for other services or another moment.
func selectors(t *testing.T, p catalog.Panel) []catalog.Query {
	t.Helper()
	var found []catalog.Query
	var walk func(parser.Node)
	walk = func(node parser.Node) {
		switch n := node.(type) {
		case *parser.VectorSelector:
			if n.Name != "ALERTS" {
				found = append(found, catalog.Query{Expr: n.String()})
			}
		case *parser.BinaryExpr:
			walk(n.LHS)
			if n.Op != parser.LOR && n.Op != parser.LUNLESS {
				walk(n.RHS)
			}
		default:
			for child := range parser.ChildrenIter(node) {
				walk(child)
			}
		}
	}
	for _, q := range p.Queries {
		tree, err := parser.NewParser(parser.Options{}).ParseExpr(readers.Replace(q.Expr))
		if err != nil {
			t.Fatalf("%s: %v", q.Expr, err)
		}
		walk(tree)
	}
	return found
}

// asker queries a Prometheus like Grafana.
type asker struct {
	base   string
	client *http.Client
}

// legendLabel matches a label in a legend.
var legendLabel = regexp.MustCompile(`{{(\w+)}}`)

// draws returns why a query has no data yet, or an empty text if it has.
func (a *asker) draws(ctx context.Context, q catalog.Query) (why string) {
	now := time.Now()
	path, ask := "/api/v1/query_range", url.Values{
		"query": {readers.Replace(q.Expr)}, "step": {"1"},
		"start": {stamp(now.Add(-30 * time.Second))}, "end": {stamp(now)},
	}
	if q.Instant {
		path, ask = "/api/v1/query", url.Values{"query": {readers.Replace(q.Expr)}}
	}
	status, body := call(ctx, a.client, http.MethodGet, a.base+path+"?"+ask.Encode(), "")
	var answer struct {
		Error string
		Data  struct {
			Result []struct {
				Metric map[string]string
				Value  point
				Values []point
			}
		}
	}
	if err := json.Unmarshal(body, &answer); err != nil || status != http.StatusOK {
		return fmt.Sprintf("%d %s %v", status, answer.Error, err)
	}
	if len(answer.Data.Result) == 0 {
		return "no series"
	}
	for _, series := range answer.Data.Result {
		for _, label := range legendLabel.FindAllStringSubmatch(q.Legend, -1) {
			if series.Metric[label[1]] == "" {
				return fmt.Sprintf("a series has no label %s: %v", label[1], series.Metric)
			}
		}
		if series.Value.finite() || slices.ContainsFunc(series.Values, point.finite) {
			return ""
		}
	}
	return "no finite value"
}

func stamp(t time.Time) string { return strconv.FormatFloat(float64(t.UnixMilli())/1000, 'f', 3, 64) }

// point is a time and, as text, a value.
type point [2]any

func (p point) finite() bool {
	text, _ := p[1].(string)
	value, err := strconv.ParseFloat(text, 64)
	return err == nil && !math.IsNaN(value) && !math.IsInf(value, 0)
}
