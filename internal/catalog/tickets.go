package catalog

// tickets returns the dashboard of the sale. The six panels of the earlier service
// come first and need only its series. The others read series that only Onsale has.
func tickets(s Settings) Dashboard {
	return Dashboard{
		Name:  "tickets",
		Title: "Tickets",
		Description: "How many tickets are sold, how fast, and what blocks sales. " +
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
			{Title: "Injected faults", Panels: faultPanels()},
		},
	}
}

// Rates of requests: API calls, probes and scrapes, and API calls by outcome.
const (
	callRate    = `sum(rate(http_requests_total{job="$job",` + apiCalls + `}[$window]))`
	probeRate   = `sum(rate(http_requests_total{job="$job",endpoint=~"/health|/ready|/metrics"}[$window]))`
	failureRate = `sum(rate(http_requests_total{job="$job",` + apiCalls + `,status=~"4..|5..",status!="409"}[$window]))`
	refusalRate = `sum(rate(http_requests_total{job="$job",` + apiCalls + `,status="409"}[$window]))`
)

// shareOfCalls returns a query for a rate in per cent of API calls. The result is 0
// without calls, and empty without such a rate.
func shareOfCalls(rate string) string {
	return `100 * ` + rate + ` / (` + callRate + ` > 0) or 0 * ` + rate
}

func endpointRates() Panel {
	return Panel{
		Title: "Rate of Endpoint calls",
		Description: "Calls per second by route, including probes and scrapes. Routes without recent calls are hidden. " +
			"Good: /concerts about three times as often as /buy/{concert_id}, and lines that follow the number of buyers.",
		Unit: "reqps", Kind: TimeSeries, Table: true, Width: 8, Min: new(0.0),
		Queries: []Query{{
			Expr:   `sum by (method, endpoint) (rate(http_requests_total{job="$job"}[$window])) > 0`,
			Legend: "{{method}} {{endpoint}}",
		}},
	}
}

// latency reads the histogram by route and leaves out probes, which are fast.
// Without that histogram it reads the one of all requests.
func latency(s Settings) Panel {
	quantile := func(q string) string {
		return `histogram_quantile(` + q + `, sum by (le) (rate(onsale_request_duration_seconds_bucket{job="$job",` + apiCalls + `}[$window])))` +
			` or histogram_quantile(` + q + `, sum by (le) (rate(request_duration_seconds_bucket{job="$job"}[$window])))`
	}
	return Panel{
		Title: "Response Time (Latency) p50/p95",
		Description: "Median and 95th percentile of the response time of API calls. Each purchase includes a simulated payment of 1 to 4 s. " +
			"Good: p95 below the dashed line, where HighLatency fires for purchases, and p50 in milliseconds while most users browse.",
		Unit: "s", Kind: TimeSeries, Width: 8, Min: new(0.0),
		Thresholds: []Threshold{{s.BuyLatency.Seconds(), Red}},
		Colors:     map[string]Color{"p50": Green, "p95": Orange},
		Queries:    []Query{{Expr: quantile("0.5"), Legend: "p50"}, {Expr: quantile("0.95"), Legend: "p95"}},
	}
}

func memoryUsage(s Settings) Panel {
	return usage("Memory Usage (%)", "memory_usage_percent", s.MemoryPercent,
		"Memory in use in per cent of the machine's memory or of the container's limit, without caches that the system can reclaim. "+
			"Good: constant and below the dashed line. A steady rise is a leak.")
}

func cpuUsage(s Settings) Panel {
	return usage("CPU Usage (%)", "cpu_usage_percent", s.CPUPercent,
		"CPU in use in per cent of the machine's CPU or of the container's limit. "+
			"Good: below the dashed line, with reserves for the first second of an on-sale.")
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
		Description: "All requests per second: API calls, stacked on probes and scrapes. " +
			"Good: it follows the demand. A sudden drop at the same demand means that callers wait or are turned away.",
		Unit: "reqps", Kind: TimeSeries, Stacked: true, Width: 8, Min: new(0.0),
		Colors: map[string]Color{"probes and scrapes": Gray, "API calls": Green},
		Queries: []Query{
			{Expr: probeRate, Legend: "probes and scrapes"},
			{Expr: callRate, Legend: "API calls"},
		},
	}
}

// failures separates failed, denied and sold out. For a service that does not count
// purchases by outcome, the last two are one line, because both are 409.
func failures(s Settings) Panel {
	const (
		// Before its first failure, a service may not have a series of failures.
		failed  = `(` + failureRate + ` or 0 * ` + callRate + `)`
		denied  = `sum(rate(onsale_purchases_total{job="$job",outcome="denied"}[$window]))`
		soldOut = `sum(rate(onsale_purchases_total{job="$job",outcome="sold_out"}[$window]))`
		either  = `(` + refusalRate + ` unless sum(rate(onsale_purchases_total{job="$job"}[$window])))`
	)
	return Panel{
		Title: "Failure Rate (%)",
		Description: "Stacked shares of API calls that failed, were denied, or found the concert sold out. " +
			"Good: no red. Red above the dashed line fires HighFailureRate. Orange is denied on purpose. Blue is sold out, which is normal business.",
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
