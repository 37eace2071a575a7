package catalog

// items is the dashboard of the item calls: the eight panels that the earlier
// service had, tiles first.
func items(s Settings) Dashboard {
	return Dashboard{
		Name:        "items",
		Title:       "Items",
		Description: "Are items being created and deleted, by whom, how fast, and what fails?",
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
			"Requests to create an item since the replicas started, however they ended. Good: it rises with the traffic. A fall is a restart."),
		tile("Total Items Created", "short", `sum(total_items_created_total{job="$job"})`,
			"Items created since the replicas started. Good: close to the total of requests; what lies between was refused or failed."),
		tile("Active Users", "short", `sum(active_users{job="$job"})`,
			"Different users seen in the last 5 minutes, at most 10,000 a replica. Good: about as many as you expect; a user whom two replicas served counts twice."),
		tile("Average Request Size", "bytes", `avg(average_request_size{job="$job"})`,
			"Mean size of the bodies of the last 1,000 requests to create an item. Good: steady. A jump means that a client sends something else."),
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
			"The artificial delay of creating an item: half of them, and 95 in 100, take at most so long. "+
				"Good: between 0.1 and 0.5 s with the default faults, and next to nothing with --faults off."),
		delay("Request Latency", "request_latency",
			"The whole request to create an item, delay included: half of them, and 95 in 100, take at most so long. "+
				"Good: hardly more than the processing time; the rest is the database."),
		{
			Title: "Error Rate",
			Description: "Item calls that failed, a second: no token or a wrong one, an item that is not there, and faults. " +
				"Good: next to 0; ItemErrors fires when they are more than " + percent(s.ItemErrorShare) + " of the calls.",
			Unit: "reqps", Kind: TimeSeries, Width: 12, Min: new(0.0),
			Colors:  map[string]Color{"failed": Red},
			Queries: []Query{{Expr: `sum(rate(error_rate_total{job="$job"}[$window]))`, Legend: "failed"}},
		},
		{
			Title: "User Activity",
			Description: "The users who created and deleted most items since the replicas started; other is those who came when there were too many. " +
				"Good: bars of like length. One that towers above all is a client gone wild.",
			Unit: "short", Kind: BarGauge, Width: 12, Min: new(0.0),
			Queries: []Query{{
				Expr:   `topk(12, sum by (user_id) (user_activity_total{job="$job"}))`,
				Legend: "{{user_id}}", Instant: true,
			}},
		},
	}
}
