package catalog

// tickets is the dashboard of the sale: the six panels that the earlier service
// had, which need none but its series, then what only Onsale tells.
func tickets(s Settings) Dashboard {
	return Dashboard{
		Name:  "tickets",
		Title: "Tickets",
		Description: "Are tickets being sold, how fast, and what stands in the way? " +
			"The first six panels work for every service with http_requests_total and request_duration_seconds.",
		Rows: []Row{
			{Panels: []Panel{
				endpointRates(), latency(s), memoryUsage(s),
				cpuUsage(s), requestRate(), failures(s),
			}},
			{Title: "At a glance", Panels: glance()},
			{Title: "Sales", Panels: sales()},
			{Title: "Response time", Panels: responseTimes(s)},
			{Title: "Queue and batches", Panels: batches(s)},
			{Title: "Database", Panels: databasePanels(s)},
			{Title: "Faults on purpose", Panels: faultPanels()},
		},
	}
}

// Rates of requests, by what they are: of people, or of probes and scrapes; and
// those of people, by what became of them.
const (
	callRate    = `sum(rate(http_requests_total{job="$job",` + apiCalls + `}[$window]))`
	probeRate   = `sum(rate(http_requests_total{job="$job",endpoint=~"/health|/ready|/metrics"}[$window]))`
	failureRate = `sum(rate(http_requests_total{job="$job",` + apiCalls + `,status=~"4..|5..",status!="409"}[$window]))`
	refusalRate = `sum(rate(http_requests_total{job="$job",` + apiCalls + `,status="409"}[$window]))`
)

// shareOfCalls is a query for a rate in per cent of API calls: 0 when there are
// no calls, and nothing when there is no such rate.
func shareOfCalls(rate string) string {
	return `100 * ` + rate + ` / (` + callRate + ` > 0) or 0 * ` + rate
}

func endpointRates() Panel {
	return Panel{
		Title: "Rate of Endpoint calls",
		Description: "Calls a second by route, those of the last moments only; probes and scrapes too. " +
			"Good: /concerts some three times as often as /buy/{concert_id}, and lines that follow the number of buyers.",
		Unit: "reqps", Kind: TimeSeries, Table: true, Width: 8, Min: new(0.0),
		Queries: []Query{{
			Expr:   `sum by (method, endpoint) (rate(http_requests_total{job="$job"}[$window])) > 0`,
			Legend: "{{method}} {{endpoint}}",
		}},
	}
}

// latency reads the histogram by route, so that probes, which are fast, do not
// flatter it, and the one of all requests where there is no other.
func latency(s Settings) Panel {
	quantile := func(q string) string {
		return `histogram_quantile(` + q + `, sum by (le) (rate(onsale_request_duration_seconds_bucket{job="$job",` + apiCalls + `}[$window])))` +
			` or histogram_quantile(` + q + `, sum by (le) (rate(request_duration_seconds_bucket{job="$job"}[$window])))`
	}
	return Panel{
		Title: "Response Time (Latency) p50/p95",
		Description: "How long half of all API calls take at most, and 95 in 100. A simulated payment of 1 to 4 s is part of each purchase. " +
			"Good: p95 below the dashed line, where HighLatency would fire for purchases, and p50 in milliseconds while people mostly browse.",
		Unit: "s", Kind: TimeSeries, Width: 8, Min: new(0.0),
		Thresholds: []Threshold{{s.BuyLatency.Seconds(), Red}},
		Colors:     map[string]Color{"p50": Green, "p95": Orange},
		Queries:    []Query{{Expr: quantile("0.5"), Legend: "p50"}, {Expr: quantile("0.95"), Legend: "p95"}},
	}
}

func memoryUsage(s Settings) Panel {
	return usage("Memory Usage (%)", "memory_usage_percent", s.MemoryPercent,
		"Memory in use on the machine, or in the container of its limit, without caches that can be dropped. "+
			"Good: level, and below the dashed line; a steady climb is a leak.")
}

func cpuUsage(s Settings) Panel {
	return usage("CPU Usage (%)", "cpu_usage_percent", s.CPUPercent,
		"CPU in use on the machine, or in the container of its limit. "+
			"Good: below the dashed line, with room for the first second of an on-sale.")
}

func usage(title, series string, limit float64, description string) Panel {
	return Panel{
		Title: title, Description: description,
		Unit: "percent", Kind: TimeSeries, Width: 8, Min: new(0.0), Max: new(100.0),
		Thresholds: []Threshold{{limit, Red}},
		Queries:    []Query{{Expr: `max by (instance) (` + series + `{job="$job"})`, Legend: "{{instance}}"}},
	}
}

func requestRate() Panel {
	return Panel{
		Title: "Request Rate (req/s)",
		Description: "All requests a second, those of people on top of probes and scrapes. " +
			"Good: it follows the demand. A sudden fall while demand is the same means that callers wait or are turned away.",
		Unit: "reqps", Kind: TimeSeries, Stacked: true, Width: 8, Min: new(0.0),
		Colors: map[string]Color{"probes and scrapes": Gray, "API calls": Green},
		Queries: []Query{
			{Expr: probeRate, Legend: "probes and scrapes"},
			{Expr: callRate, Legend: "API calls"},
		},
	}
}

// failures tells failed, denied and sold out apart. A service that does not
// count purchases by outcome has the last two in one line: both are 409.
func failures(s Settings) Panel {
	const (
		// Before its first failure, a service may have no series of failures.
		failed  = `(` + failureRate + ` or 0 * ` + callRate + `)`
		denied  = `sum(rate(onsale_purchases_total{job="$job",outcome="denied"}[$window]))`
		soldOut = `sum(rate(onsale_purchases_total{job="$job",outcome="sold_out"}[$window]))`
		either  = `(` + refusalRate + ` unless sum(rate(onsale_purchases_total{job="$job"}[$window])))`
	)
	return Panel{
		Title: "Failure Rate (%)",
		Description: "API calls that failed, were denied, or came too late, each in per cent of all, on top of each other. " +
			"Good: no red; red above the dashed line fires HighFailureRate. Orange is denied on purpose, blue is sold out, which is business and no fault.",
		Unit: "percent", Kind: TimeSeries, Stacked: true, Table: true, Width: 8, Min: new(0.0),
		Thresholds: []Threshold{{100 * s.FailureShare, Red}},
		Colors:     map[string]Color{"failed": Red, "denied": Orange, "sold out": Blue, "denied or sold out": Orange},
		Queries: []Query{
			{Expr: shareOfCalls(failed), Legend: "failed"},
			{Expr: shareOfCalls(denied), Legend: "denied"},
			{Expr: shareOfCalls(soldOut), Legend: "sold out"},
			{Expr: shareOfCalls(either), Legend: "denied or sold out"},
		},
	}
}
