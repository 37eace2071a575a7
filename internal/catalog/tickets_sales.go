package catalog

// Selectors of the stock. Every replica reports the same stock, hence max.
const (
	soldByConcert     = `max by (concert) (onsale_concert_tickets_sold{job="$job"})`
	capacityByConcert = `max by (concert) (onsale_concert_capacity_tickets{job="$job"})`
)

// glance returns the tiles that show whether everything is all right.
func glance() []Panel {
	tile := func(title, unit, expr, description string, thresholds ...Threshold) Panel {
		return Panel{
			Title: title, Description: description, Unit: unit, Kind: Stat, Width: 4,
			Thresholds: thresholds, Queries: []Query{{Expr: expr, Legend: title}},
		}
	}
	database := tile("Database", "short", `min(onsale_database_up{job="$job"})`,
		"Whether every replica reaches the database. Good: up. While it is down, nothing is sold, and browsing works for another minute.")
	database.States = upStates()
	return []Panel{
		tile("Alerts firing", "short", `count(`+alertsOf(`alertstate="firing",severity!="info"`)+`) or vector(0)`,
			"Alerts that fire now, except those of severity info. Good: 0.", Threshold{1, Red}),
		tile("Instances up", "short", `sum(up{job="$job"})`,
			"Instances that responded to the last scrape. Good: as many as you run.", Threshold{0, Red}, Threshold{1, Green}),
		database,
		tile("Ledger difference", "short", `max(abs(onsale_books_difference_tickets{job="$job"}))`,
			"Difference between the counters of sold tickets and the purchases, in tickets, at the last audit. Good: always 0.", Threshold{1, Red}),
		tile("Tickets sold", "short", `sum(`+soldByConcert+`)`,
			"Tickets sold for all concerts, minus refunds. Good: it rises while tickets are left."),
		tile("Sold of capacity", "percent", `100 * sum(`+soldByConcert+`) / sum(`+capacityByConcert+`)`,
			"Share of all tickets that have been sold. Good: it reaches 100 % at the end of the sale, not before. At 100 %, every buyer gets \"sold out\".", Threshold{100, Blue}),
	}
}

func sales() []Panel {
	return []Panel{
		{
			Title: "Purchases by outcome",
			Description: "Purchases per second by outcome. Good: green, and blue after a concert has sold out. " +
				"Orange is denied on purpose. shed means a full queue, abandoned a buyer who disconnected, and replayed a key that was used before.",
			Unit: "reqps", Kind: TimeSeries, Stacked: true, Table: true, Width: 12, Min: new(0.0),
			Colors: map[string]Color{"sold": Green, "sold_out": Blue, "denied": Orange, "failed": Red},
			Queries: []Query{{
				Expr:   `sum by (outcome) (rate(onsale_purchases_total{job="$job"}[$window]))`,
				Legend: "{{outcome}}",
			}},
		},
		{
			Title: "Sold and capacity",
			Description: "Tickets sold for all concerts, and their capacity. Good: the line rises towards the dashed line " +
				"and never crosses it, because no seat is sold twice. The dashed line steps up when a concert opens.",
			Unit: "short", Kind: TimeSeries, Width: 12, Min: new(0.0),
			Colors: map[string]Color{"sold": Green, "capacity": Gray},
			Queries: []Query{
				{Expr: `sum(` + soldByConcert + `)`, Legend: "sold"},
				{Expr: `sum(` + capacityByConcert + `)`, Legend: "capacity", Bound: true},
			},
		},
		{
			Title: "Fullest concerts",
			Description: "The concerts with the highest share of sold tickets, in per cent. \"other\" adds up all but the newest 50. " +
				"Good: bars that grow. Blue is sold out.",
			Unit: "percent", Kind: BarGauge, Width: 12, Min: new(0.0), Max: new(100.0),
			Thresholds: []Threshold{{100, Blue}},
			Queries: []Query{{
				Expr:   `topk(12, 100 * ` + soldByConcert + ` / ` + capacityByConcert + `)`,
				Legend: "concert {{concert}}", Instant: true,
			}},
		},
		{
			Title: "Concerts",
			Description: "How many concerts have tickets left, and how many are sold out. Good: some green as long as there are " +
				"buyers. Only blue means that every buyer is turned away.",
			Unit: "short", Kind: TimeSeries, Stacked: true, Width: 12, Min: new(0.0),
			Colors: map[string]Color{"on_sale": Green, "sold_out": Blue},
			Queries: []Query{{
				Expr:   `max by (state) (onsale_concerts{job="$job"})`,
				Legend: "{{state}}",
			}},
		},
	}
}

func responseTimes(s Settings) []Panel {
	return []Panel{
		{
			Title: "Response time distribution",
			Description: "Number of requests by response time; brighter means more. " +
				"Good: one band in milliseconds for browsing, and one from 1 to 4 s for purchases with their simulated payment. Investigate a third band.",
			Unit: "s", Kind: Heatmap, Width: 12,
			Queries: []Query{{
				Expr:   `sum by (le) (rate(request_duration_seconds_bucket{job="$job"}[$window]))`,
				Legend: "{{le}}",
			}},
		},
		{
			Title: "Response time by route, p95",
			Description: "95th percentile of the response time of each route. Good: purchases below the upper dashed line, all others below " +
				"the lower one. Above them, HighLatency fires.",
			Unit: "s", Kind: TimeSeries, Table: true, Width: 12, Min: new(0.0),
			Thresholds: []Threshold{{s.Latency.Seconds(), Orange}, {s.BuyLatency.Seconds(), Red}},
			Queries: []Query{{
				Expr: `histogram_quantile(0.95, sum by (le, method, endpoint) ` +
					`(rate(onsale_request_duration_seconds_bucket{job="$job",` + apiCalls + `}[$window]))) > 0`,
				Legend: "{{method}} {{endpoint}}",
			}},
		},
	}
}
