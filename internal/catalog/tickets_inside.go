package catalog

// quantileOf is a query for a quantile of a histogram of the job, over all
// its series.
func quantileOf(q, histogram string) string {
	return `histogram_quantile(` + q + `, sum by (le) (rate(` + histogram + `_bucket{job="$job"}[$window])))`
}

// meanOf is a query for the mean of a histogram of the job.
func meanOf(histogram string) string {
	return `sum(rate(` + histogram + `_sum{job="$job"}[$window])) / sum(rate(` + histogram + `_count{job="$job"}[$window]))`
}

// batches is how orders are gathered and written. A quantile is guessed between
// the bounds of a bucket, and the first begins at 0: no batch is that small.
func batches(s Settings) []Panel {
	atLeastOne := func(quantile string) string { return `clamp_min(` + quantile + `, 1)` }
	return []Panel{
		{
			Title: "Queue depth against limit",
			Description: "Orders that wait for a batch, and how many may, on a logarithmic axis. " +
				"Good: near 0, for a batch takes all that wait. At the dashed line buyers are turned away with 503 busy; QueueFilling fires at " + percent(s.QueueShare) + " of it.",
			Unit: "short", Kind: TimeSeries, Log: true, Width: 8, Min: new(0.0),
			Colors: map[string]Color{"limit": Gray},
			Queries: []Query{
				{Expr: `max by (instance) (onsale_queue_depth_orders{job="$job"})`, Legend: "{{instance}}"},
				{Expr: `min(onsale_queue_limit_orders{job="$job"})`, Legend: "limit", Bound: true},
			},
		},
		{
			Title: "Batch size",
			Description: "Orders written in one transaction: half of all batches, and 95 in 100, had at most so many, and the mean. " +
				"Good: 1 when it is quiet, and more the harder it is stormed; that is how one flush to disk serves many buyers.",
			Unit: "short", Kind: TimeSeries, Width: 8, Min: new(0.0),
			Queries: []Query{
				{Expr: atLeastOne(quantileOf("0.5", "onsale_batch_size_orders")), Legend: "p50"},
				{Expr: atLeastOne(quantileOf("0.95", "onsale_batch_size_orders")), Legend: "p95"},
				{Expr: meanOf("onsale_batch_size_orders"), Legend: "mean"},
			},
		},
		{
			Title: "Time to sell, p95",
			Description: "From order to outcome without the simulated payment, and the part of it that one run of a batch takes in the database. " +
				"Good: milliseconds, the two lines close together. Far apart, orders wait in the queue.",
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
			Description: "How long 95 in 100 calls to the database take at most, simulated slowness included. " +
				"Good: milliseconds; with all operations taken together above the dashed line, DatabaseSlow fires.",
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
			Description: "Calls to the database that failed, a second, by kind. Good: 0; above the dashed line DatabaseErrors fires. " +
				"Conflicts do not count for it: they are run again and hurt nobody.",
			Unit: "ops", Kind: TimeSeries, Stacked: true, Table: true, Width: 12, Min: new(0.0),
			Thresholds: []Threshold{{s.DatabaseErrorRate, Red}},
			Queries: []Query{{
				Expr:   `sum by (kind) (rate(onsale_database_errors_total{job="$job"}[$window]))`,
				Legend: "{{kind}}",
			}},
		},
		{
			Title: "Database up",
			Description: "Whether the database answers, as each replica sees it. Good: all green. " +
				"One red band among green ones is that replica's network.",
			Unit: "short", Kind: StateTimeline, Width: 8, States: upStates(),
			Queries: []Query{{Expr: `min by (instance) (onsale_database_up{job="$job"})`, Legend: "{{instance}}"}},
		},
		{
			Title: "Database connections",
			Description: "Connections by state, of all replicas, against how many may be open. " +
				"Good: idle ones left. In use at the dashed line means that calls wait for a connection.",
			Unit: "short", Kind: TimeSeries, Stacked: true, Width: 8, Min: new(0.0),
			Colors: map[string]Color{"in_use": Orange, "idle": Green, "max": Gray},
			Queries: []Query{
				{Expr: `sum by (state) (onsale_database_connections{job="$job",state!="max"})`, Legend: "{{state}}"},
				{Expr: `sum(onsale_database_connections{job="$job",state="max"})`, Legend: "max", Bound: true},
			},
		},
		{
			Title: "Batches run again",
			Description: "Runs of a batch beyond its first, a second, by what made them necessary. " +
				"Good: 0, or a few conflicts when several replicas sell the same concert. Nobody is charged twice by them.",
			Unit: "ops", Kind: TimeSeries, Stacked: true, Width: 8, Min: new(0.0),
			Queries: []Query{{
				Expr:   `sum by (reason) (rate(onsale_batch_reruns_total{job="$job"}[$window]))`,
				Legend: "{{reason}}",
			}},
		},
	}
}

// faultPanels tell what goes wrong on purpose, so that nobody hunts for it.
func faultPanels() []Panel {
	return []Panel{
		{
			Title: "Faults active",
			Description: "Which faults the plan injects. Good: those that you set; with --faults off none. " +
				"The default plan has delay and deny. Look here first when something is wrong.",
			Unit: "short", Kind: StateTimeline, Width: 12,
			States:  []State{{0, "off", Gray}, {1, "on", Orange}},
			Queries: []Query{{Expr: `max by (fault) (onsale_fault_active{job="$job"})`, Legend: "{{fault}}"}},
		},
		{
			Title: "Faults injected",
			Description: "Faults that hit a call, a transaction, a probe or a scrape, a second. " +
				"Good: it rises and falls with the traffic, for the faults that are active, and is 0 for all others.",
			Unit: "ops", Kind: TimeSeries, Stacked: true, Table: true, Width: 12, Min: new(0.0),
			Queries: []Query{{
				Expr:   `sum by (fault) (rate(onsale_faults_injected_total{job="$job"}[$window]))`,
				Legend: "{{fault}}",
			}},
		},
	}
}
