package catalog

// Selectors of the stock. It is the same on every replica, hence max.
const (
	soldByConcert     = `max by (concert) (onsale_concert_tickets_sold{job="$job"})`
	capacityByConcert = `max by (concert) (onsale_concert_capacity_tickets{job="$job"})`
)

// glance are the tiles that say whether to read on.
func glance() []Panel {
	tile := func(title, unit, expr, description string, thresholds ...Threshold) Panel {
		return Panel{
			Title: title, Description: description, Unit: unit, Kind: Stat, Width: 4,
			Thresholds: thresholds, Queries: []Query{{Expr: expr, Legend: title}},
		}
	}
	database := tile("Database", "short", `min(onsale_database_up{job="$job"})`,
		"Whether every replica reaches the database. Good: up. While it is away nothing is sold, and browsing goes on for a minute.")
	database.States = upStates()
	return []Panel{
		tile("Alerts firing", "short", `count(`+alertsOf(`alertstate="firing",severity!="info"`)+`) or vector(0)`,
			"Alerts that fire now, without those that only inform. Good: 0.", Threshold{1, Red}),
		tile("Instances up", "short", `sum(up{job="$job"})`,
			"Instances that answered the last scrape. Good: as many as you run.", Threshold{0, Red}, Threshold{1, Green}),
		database,
		tile("Books differ by", "short", `max(abs(onsale_books_difference_tickets{job="$job"}))`,
			"Tickets by which counters and purchases disagreed when the books were last compared. Good: 0, always.", Threshold{1, Red}),
		tile("Tickets sold", "short", `sum(`+soldByConcert+`)`,
			"Tickets sold of all concerts, refunds taken off. Good: it rises while there is something to sell."),
		tile("Sold of capacity", "percent", `100 * sum(`+soldByConcert+`) / sum(`+capacityByConcert+`)`,
			"How much of all there is has been sold. Good: it nears 100 % when the sale ends, and not before; at 100 % every buyer hears sold out.", Threshold{100, Blue}),
	}
}

func sales() []Panel {
	return []Panel{
		{
			Title: "Purchases by outcome",
			Description: "What became of purchases, a second. Good: green, and blue once a concert is gone. " +
				"Orange is denied on purpose; shed is a full queue, abandoned a buyer who hung up, replayed a key that had sold before.",
			Unit: "reqps", Kind: TimeSeries, Stacked: true, Table: true, Width: 12, Min: new(0.0),
			Colors: map[string]Color{"sold": Green, "sold_out": Blue, "denied": Orange, "failed": Red},
			Queries: []Query{{
				Expr:   `sum by (outcome) (rate(onsale_purchases_total{job="$job"}[$window]))`,
				Legend: "{{outcome}}",
			}},
		},
		{
			Title: "Sold against capacity",
			Description: "Tickets sold of all concerts, against how many there are. Good: the line rises towards the dashed one " +
				"and never crosses it: no seat is sold twice. The dashed line steps up when a concert opens.",
			Unit: "short", Kind: TimeSeries, Width: 12, Min: new(0.0),
			Colors: map[string]Color{"sold": Green, "capacity": Gray},
			Queries: []Query{
				{Expr: `sum(` + soldByConcert + `)`, Legend: "sold"},
				{Expr: `sum(` + capacityByConcert + `)`, Legend: "capacity", Bound: true},
			},
		},
		{
			Title: "Fullest concerts",
			Description: "The concerts that have sold most of their capacity, in per cent; other is all but the newest 50. " +
				"Good: bars that fill. Blue is sold out.",
			Unit: "percent", Kind: BarGauge, Width: 12, Min: new(0.0), Max: new(100.0),
			Thresholds: []Threshold{{100, Blue}},
			Queries: []Query{{
				Expr:   `topk(12, 100 * ` + soldByConcert + ` / ` + capacityByConcert + `)`,
				Legend: "concert {{concert}}", Instant: true,
			}},
		},
		{
			Title: "Concerts",
			Description: "How many concerts have tickets left, and how many are sold out. Good: some green, as long as there are " +
				"buyers; only blue means that everybody is turned away.",
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
			Title: "How response times spread",
			Description: "How many requests took how long: the brighter, the more. " +
				"Good: one band in the milliseconds for browsing, and one from 1 to 4 s for purchases, the simulated payment. A third band is worth a look.",
			Unit: "s", Kind: Heatmap, Width: 12,
			Queries: []Query{{
				Expr:   `sum by (le) (rate(request_duration_seconds_bucket{job="$job"}[$window]))`,
				Legend: "{{le}}",
			}},
		},
		{
			Title: "Response time by route, p95",
			Description: "How long 95 in 100 calls of a route take at most. Good: purchases below the upper dashed line, all others below " +
				"the lower one; above them HighLatency fires.",
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
