package catalog

// quantileOf returns a query for a quantile of a histogram of the job, over all its
// series.
func quantileOf(q, histogram string) string {
	return `histogram_quantile(` + q + `, sum by (le) (rate(` + histogram + `_bucket{job="$job"}[$window])))`
}

// meanOf returns a query for the mean of a histogram of the job.
func meanOf(histogram string) string {
	return `sum(rate(` + histogram + `_sum{job="$job"}[$window])) / sum(rate(` + histogram + `_count{job="$job"}[$window]))`
}

// batches returns the panels on how orders are queued and written. PromQL
// interpolates a quantile within a bucket, and the first bucket begins at 0. No
// batch is smaller than 1, so the result is clamped.
func batches(s Settings) []Panel {
	atLeastOne := func(quantile string) string { return `clamp_min(` + quantile + `, 1)` }
	return []Panel{
		{
			Title: "Queue depth and limit",
			Description: "Orders that wait for a batch, and the limit, on a logarithmic axis. " +
				"Good: near 0, because a batch takes all waiting orders. At the dashed line, buyers get 503 busy. QueueFilling fires at " + percent(s.QueueShare) + " of it.",
			Unit: "short", Kind: TimeSeries, Log: true, Width: 8, Min: new(0.0),
			Colors: map[string]Color{"limit": Gray},
			Queries: []Query{
				{Expr: `max by (instance) (onsale_queue_depth_orders{job="$job"})`, Legend: "{{instance}}"},
				{Expr: `min(onsale_queue_limit_orders{job="$job"})`, Legend: "limit", Bound: true},
			},
		},
		{
			Title: "Batch size",
			Description: "Orders written in one transaction: median, 95th percentile and mean. " +
				"Good: 1 when traffic is low, and more under load. With a large batch, one flush to disk serves many buyers.",
			Unit: "short", Kind: TimeSeries, Width: 8, Min: new(0.0),
			Queries: []Query{
				{Expr: atLeastOne(quantileOf("0.5", "onsale_batch_size_orders")), Legend: "p50"},
				{Expr: atLeastOne(quantileOf("0.95", "onsale_batch_size_orders")), Legend: "p95"},
				{Expr: meanOf("onsale_batch_size_orders"), Legend: "mean"},
			},
		},
		{
			Title: "Time to sell, p95",
			Description: "Time from order to outcome without the simulated payment, and the time of one batch in the database. " +
				"Good: milliseconds, and two lines close together. If they are far apart, orders wait in the queue.",
			Unit: "s", Kind: TimeSeries, Width: 8, Min: new(0.0),
			Queries: []Query{
				{Expr: quantileOf("0.95", "onsale_sale_duration_seconds"), Legend: "order to outcome"},
				{Expr: quantileOf("0.95", "onsale_batch_duration_seconds"), Legend: "batch in the database"},
			},
		},
	}
}

func databasePanels(s Settings) []Panel {
	return []Panel{
		{
			Title: "Database time by operation, p95",
			Description: "95th percentile of the duration of database calls, including simulated delays. " +
				"Good: milliseconds. If all operations together are above the dashed line, DatabaseSlow fires.",
			Unit: "s", Kind: TimeSeries, Table: true, Width: 12, Min: new(0.0),
			Thresholds: []Threshold{{s.DatabaseLatency.Seconds(), Red}},
			Queries: []Query{{
				Expr: `histogram_quantile(0.95, sum by (le, operation) ` +
					`(rate(onsale_database_duration_seconds_bucket{job="$job"}[$window]))) > 0`,
				Legend: "{{operation}}",
			}},
		},
		{
			Title: "Database errors",
			Description: "Failed database calls per second, by kind. Good: 0. Above the dashed line, DatabaseErrors fires. " +
				"Conflicts do not count, because Onsale retries them without any effect on buyers.",
			Unit: "ops", Kind: TimeSeries, Stacked: true, Table: true, Width: 12, Min: new(0.0),
			Thresholds: []Threshold{{s.DatabaseErrorRate, Red}},
			Queries: []Query{{
				Expr:   `sum by (kind) (rate(onsale_database_errors_total{job="$job"}[$window]))`,
				Legend: "{{kind}}",
			}},
		},
		{
			Title: "Database up",
			Description: "Whether each replica reaches the database. Good: all green. " +
				"If only one band is red, check the network of that replica.",
			Unit: "short", Kind: StateTimeline, Width: 8, States: upStates(),
			Queries: []Query{{Expr: `min by (instance) (onsale_database_up{job="$job"})`, Legend: "{{instance}}"}},
		},
		{
			Title: "Database connections",
			Description: "Connections of all replicas by state, and the maximum. " +
				"Good: some are idle. If in_use reaches the dashed line, calls wait for a connection.",
			Unit: "short", Kind: TimeSeries, Stacked: true, Width: 8, Min: new(0.0),
			Colors: map[string]Color{"in_use": Orange, "idle": Green, "max": Gray},
			Queries: []Query{
				{Expr: `sum by (state) (onsale_database_connections{job="$job",state!="max"})`, Legend: "{{state}}"},
				{Expr: `sum(onsale_database_connections{job="$job",state="max"})`, Legend: "max", Bound: true},
			},
		},
		{
			Title: "Batch retries",
			Description: "Retries of batches per second, by reason. " +
				"Good: 0, or a few conflicts if several replicas sell the same concert. Retries charge nobody twice.",
			Unit: "ops", Kind: TimeSeries, Stacked: true, Width: 8, Min: new(0.0),
			Queries: []Query{{
				Expr:   `sum by (reason) (rate(onsale_batch_reruns_total{job="$job"}[$window]))`,
				Legend: "{{reason}}",
			}},
		},
	}
}

// faultPanels returns the panels on injected faults, so that nobody mistakes them
// for real problems.
func faultPanels() []Panel {
	return []Panel{
		{
			Title: "Active faults",
			Description: "Which faults the plan injects. Good: only those that you set, and none with --faults off. " +
				"The default plan has delay and deny. If something is wrong, check this panel first.",
			Unit: "short", Kind: StateTimeline, Width: 12,
			States:  []State{{0, "off", Gray}, {1, "on", Orange}},
			Queries: []Query{{Expr: `max by (fault) (onsale_fault_active{job="$job"})`, Legend: "{{fault}}"}},
		},
		{
			Title: "Faults injected",
			Description: "Faults injected into calls, transactions, probes and scrapes, per second. " +
				"Good: it follows the traffic for active faults, and is 0 for all others.",
			Unit: "ops", Kind: TimeSeries, Stacked: true, Table: true, Width: 12, Min: new(0.0),
			Queries: []Query{{
				Expr:   `sum by (fault) (rate(onsale_faults_injected_total{job="$job"}[$window]))`,
				Legend: "{{fault}}",
			}},
		},
	}
}
