package console

import (
	"strconv"
	"strings"
	"time"

	"onsale/internal/catalog"
)

// rateWindow returns the minimum window of rates: twelve scrapes, which is a minute
// at the real pace. The script widens it if a chart's step is longer.
func rateWindow(p catalog.Pace) time.Duration { return 12 * p.Scrape }

// span is a time range of the charts.
type span struct {
	Name    string
	Seconds int
}

// ranges returns the useful time ranges. They are longer at the real pace, where
// everything takes twelve times as long.
func ranges(p catalog.Pace) []span {
	all := []span{{"2 min", 120}, {"5 min", 300}, {"15 min", 900}, {"1 h", 3600}, {"6 h", 21_600}}
	if p.Scrape <= time.Second {
		return all[:4]
	}
	return all[2:]
}

// Parts of the queries below. The panels use Onsale's own series. For other
// targets, they fall back to the contract's basic series.
const (
	calls     = `http_requests_total{job="$job",endpoint!~"/health|/ready|/metrics"}`
	failed    = `http_requests_total{job="$job",endpoint!~"/health|/ready|/metrics",status=~"4..|5..",status!="409"}`
	purchases = `onsale_purchases_total{job="$job"}`

	// perRoute and allRoutes are the buckets of response times. perRoute excludes
	// the probes, and only Onsale exports it.
	perRoute  = `onsale_request_duration_seconds_bucket{job="$job",endpoint!~"/health|/ready|/metrics"}`
	allRoutes = `request_duration_seconds_bucket{job="$job"}`
)

// share returns the query for a counter's share of all calls, in per cent. A
// missing counter is 0.
func share(counter string) string {
	return `100 * (sum(rate(` + counter + `[$window])) or vector(0)) / sum(rate(` + calls + `[$window]))`
}

// quantile returns the query for a quantile of the response time.
func quantile(q string) string {
	of := func(buckets string) string {
		return `histogram_quantile(` + q + `, sum by (le) (rate(` + buckets + `[$window])))`
	}
	return of(perRoute) + ` or ` + of(allRoutes)
}

// tiles returns the tiles at the top. The first query of each is the main value and
// its curve. The second, if any, is a smaller value, which replaces {} in its
// legend.
func tiles(job string) []catalog.Panel {
	return withJob(job, []catalog.Panel{
		{
			Title: "Requests", Unit: "reqps", Description: "API calls per second, without probes",
			Queries: []catalog.Query{
				{Expr: `sum(rate(` + calls + `[$window]))`},
				{Expr: `sum(onsale_requests_in_flight{job="$job"})`, Legend: "{} in flight"},
			},
		},
		{
			Title: "Purchases", Unit: "reqps", Description: "Successful purchases per second",
			Queries: []catalog.Query{
				{Expr: `sum(rate(onsale_purchases_total{job="$job",outcome="sold"}[$window])) or ` +
					`sum(rate(http_requests_total{job="$job",endpoint=~"/buy.*",status="200"}[$window]))`},
				{Expr: `100 * sum(rate(onsale_purchases_total{job="$job",outcome="sold"}[$window])) / sum(rate(` + purchases + `[$window]))`, Legend: "{}% of all orders"},
			},
		},
		{
			Title: "Response time", Unit: "s", Description: "95th percentile, including injected delays",
			Queries: []catalog.Query{
				{Expr: quantile("0.95")},
				{Expr: quantile("0.5"), Legend: "median {}"},
			},
		},
		{
			Title: "Failures", Unit: "percent", Description: "Share of failed calls; sold out and denied do not count",
			Queries: []catalog.Query{
				{Expr: share(failed)},
				{Expr: share(`onsale_purchases_total{job="$job",outcome="denied"}`), Legend: "{} denied"},
			},
		},
		{
			Title: "Tickets sold", Unit: "short", Description: "For all concerts",
			Queries: []catalog.Query{
				{Expr: `sum(max by (concert) (onsale_concert_tickets_sold{job="$job"}))`},
				{Expr: `sum(max by (concert) (onsale_concert_capacity_tickets{job="$job"}))`, Legend: "of {}"},
			},
		},
		{
			Title: "CPU", Unit: "percent", Description: "Of the machine, or of the container's limit",
			Queries: []catalog.Query{
				{Expr: `max(cpu_usage_percent{job="$job"})`},
				{Expr: `max(memory_usage_percent{job="$job"})`, Legend: "memory {}"},
			},
		},
	})
}

// charts returns the charts below the tiles.
func charts(job string) []catalog.Panel {
	return withJob(job, []catalog.Panel{
		{
			Title: "Request rate", Unit: "reqps", Description: "API calls per second, by route",
			Queries: []catalog.Query{
				{Expr: `sum by (method, endpoint) (rate(` + calls + `[$window]))`, Legend: "{{method}} {{endpoint}}"},
			},
		},
		{
			Title: "Response time", Unit: "s", Description: "Median (p50) and 95th percentile (p95)",
			Queries: []catalog.Query{
				{Expr: quantile("0.95"), Legend: "p95"},
				{Expr: quantile("0.5"), Legend: "p50"},
			},
		},
		{
			Title: "Purchases", Unit: "reqps", Stacked: true, Description: "Orders per second, by outcome",
			Queries: []catalog.Query{
				{Expr: `sum by (outcome) (rate(` + purchases + `[$window])) or ` +
					`label_replace(sum by (status) (rate(http_requests_total{job="$job",endpoint=~"/buy.*"}[$window])), "outcome", "status $1", "status", "(.*)") ` +
					`unless on () group(` + purchases + `)`, Legend: "{{outcome}}"},
			},
		},
		{
			Title: "Failure rate", Unit: "percent", Stacked: true, Description: "Per cent of all calls",
			Queries: []catalog.Query{
				{Expr: share(failed), Legend: "failed"},
				{Expr: share(`onsale_purchases_total{job="$job",outcome="denied"}`), Legend: "denied"},
				{Expr: share(`onsale_purchases_total{job="$job",outcome="sold_out"}`), Legend: "sold out"},
			},
		},
	})
}

// example is a suggested query.
type example struct{ Title, Expr string }

// examples returns the suggestions below the query box.
func examples(job string) []example {
	list := []example{
		{"targets up", `up`},
		{"calls by status", `sum by (status) (rate(http_requests_total{job="$job"}[1m]))`},
		{"95th percentile", `histogram_quantile(0.95, rate(request_duration_seconds_bucket{job="$job"}[1m]))`},
		{"faults injected", `onsale_faults_injected_total{job="$job"} > 0`},
		{"alerts now", `ALERTS`},
	}
	for i := range list {
		list[i].Expr = setJob(list[i].Expr, job)
	}
	return list
}

// withJob replaces $job in all queries.
func withJob(job string, panels []catalog.Panel) []catalog.Panel {
	for _, p := range panels {
		for i := range p.Queries {
			p.Queries[i].Expr = setJob(p.Queries[i].Expr, job)
		}
	}
	return panels
}

// setJob replaces $job, which must be inside double quotes.
func setJob(expr, job string) string {
	quoted := strconv.Quote(job)
	return strings.ReplaceAll(expr, "$job", quoted[1:len(quoted)-1])
}

// knownExpressions returns the expressions of the page, of the catalogue's alerts
// and dashboards, and of the options.
func knownExpressions(o Options) map[string]bool {
	known := make(map[string]bool)
	window := "[" + strconv.Itoa(int(rateWindow(o.Pace).Seconds())) + "s]"
	add := func(expr string) { known[strings.ReplaceAll(setJob(expr, o.Job), "[$window]", window)] = true }
	for _, e := range examples(o.Job) {
		known[e.Expr] = true
	}
	for _, a := range o.Alerts {
		known[a.Expr] = true
	}
	for _, expr := range o.Expressions {
		known[expr] = true
	}
	panels := append(tiles(o.Job), charts(o.Job)...)
	for _, d := range catalog.Dashboards() {
		for _, row := range d.Rows {
			panels = append(panels, row.Panels...)
		}
	}
	for _, p := range panels {
		for _, q := range p.Queries {
			add(q.Expr)
		}
	}
	return known
}
