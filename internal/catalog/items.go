package catalog

// items returns the dashboard of the item calls. It has the eight panels of the
// earlier service, tiles first.
func items(s Settings) Dashboard {
	return Dashboard{
		Name:        "items",
		Title:       "Items",
		Description: "How many items are created and deleted, who does it, how long it takes, and what fails.",
		Rows:        []Row{{Panels: append(itemTiles(), itemGraphs(s)...)}},
	}
}

func itemTiles() []Panel {
	tile := func(title, unit, expr, description string) Panel {
		return Panel{
			Title: title, Description: description, Unit: unit, Kind: Stat, Width: 6, Min: new(0.0),
			Queries: []Query{{Expr: expr, Legend: title}},
		}
	}
	return []Panel{
		tile("Total Requests", "short", `sum(total_requests_total{job="$job"})`,
			"Requests to create an item since the replicas started, successful or not. Good: it rises with the traffic. A drop is a restart."),
		tile("Total Items Created", "short", `sum(total_items_created_total{job="$job"})`,
			"Items created since the replicas started. Good: close to the total of requests. The difference was rejected or failed."),
		tile("Active Users", "short", `sum(active_users{job="$job"})`,
			"Distinct users seen in the last 5 minutes, at most 10,000 per replica. Good: about as many as you expect. A user served by two replicas counts twice."),
		tile("Average Request Size", "bytes", `avg(average_request_size{job="$job"})`,
			"Mean size of the bodies of the last 1,000 requests to create an item. Good: steady. A jump means that a client sends different data."),
	}
}

func itemGraphs(s Settings) []Panel {
	delay := func(title, series, description string) Panel {
		return Panel{
			Title: title, Description: description,
			Unit: "s", Kind: TimeSeries, Width: 12, Min: new(0.0),
			Colors: map[string]Color{"p50": Green, "p95": Orange},
			Queries: []Query{
				{Expr: quantileOf("0.5", series), Legend: "p50"},
				{Expr: quantileOf("0.95", series), Legend: "p95"},
			},
		}
	}
	return []Panel{
		delay("Processing Time", "processing_time",
			"The artificial delay of creating an item: median and 95th percentile. "+
				"Good: between 0.1 and 0.5 s with the default faults, and almost 0 with --faults off."),
		delay("Request Latency", "request_latency",
			"The whole request to create an item, including the delay: median and 95th percentile. "+
				"Good: slightly more than the processing time; the difference is the database."),
		{
			Title: "Error Rate",
			Description: "Failed item calls per second: missing or invalid token, unknown item, or an injected fault. " +
				"Good: almost 0. ItemErrors fires when they are more than " + percent(s.ItemErrorShare) + " of the calls.",
			Unit: "reqps", Kind: TimeSeries, Width: 12, Min: new(0.0),
			Colors:  map[string]Color{"failed": Red},
			Queries: []Query{{Expr: `sum(rate(error_rate_total{job="$job"}[$window]))`, Legend: "failed"}},
		},
		{
			Title: "User Activity",
			Description: "The users who created and deleted the most items since the replicas started. \"other\" adds up all users beyond the limit of series. " +
				"Good: bars of similar length. A much longer bar is a client that sends too many calls.",
			Unit: "short", Kind: BarGauge, Width: 12, Min: new(0.0),
			Queries: []Query{{
				Expr:   `topk(12, sum by (user_id) (user_activity_total{job="$job"}))`,
				Legend: "{{user_id}}", Instant: true,
			}},
		},
	}
}
