package catalog

import "fmt"

// database are the alerts on the way to the database.
func (r rules) database() []Alert {
	return []Alert{
		{
			Name: "DatabaseErrors", Severity: Critical, For: r.fired(),
			// Conflicts are how writers stay out of each other's way, and are run again.
			// A database that lets nothing be sold has few calls that could fail; and a
			// replica that has lost it is sent few calls, so that one is enough.
			Expr: r.expr(`
sum by (job) (rate(onsale_database_errors_total{$job,kind!="conflict"}[1m])) > $database_error_rate
or
min by (job) (max_over_time(onsale_database_up{$job}[24s])) < 1`),
			Needs:   each(0, "onsale_database_up", "onsale_database_errors_total"),
			Summary: `{{ if $value }}{{ $value | printf "%.1f" }} database calls fail each second{{ else }}The database lets nothing be sold{{ end }}`,
			Description: fmt.Sprintf(`{{ if $value }}{{ $value | printf "%%.1f" }} calls to the database fail each second; the limit is %s.`+
				`{{ else }}The database does not answer an instance, or does not let it write purchases.{{ end }} Buyers are told that sales are unavailable; nothing is sold twice, `+
				`and what was sold stays sold.`, number(r.DatabaseErrorRate)),
			Meaning: "Calls to the database fail, or it lets nothing be sold: it does not answer, has no connection left, only reads, or refuses. " +
				"Conflicts between writers do not count, they are run again. Most failed batches are run again too, so that some of these " +
				"errors reach no buyer; at this rate many do.",
			Steps: []string{
				"See GET /ready, and the log's line \"database unavailable\": it says what is in the way and, for a missing privilege, by which statement it is given.",
				"See which kind it is: sum by (kind) (rate(onsale_database_errors_total[1m])).",
				"unavailable: is the database up, is the network, is the disk full, are there connections left (onsale_database_connections)?",
				"unknown: COMMIT was cut off. Those buyers find out at GET /purchases/{id}; have an eye on BooksDoNotBalance.",
				"refused: the database does not accept what somebody sent. Validation let it pass: report it.",
				"See at GET /faults whether the plan fails transactions.",
			},
			Provoke: Provocation{
				Faults: `{"database":{"error":0.5,"for":"2m"}}`,
				Also:   "Needs traffic, such as the crowd's.",
				Fires:  []string{"HighFailureRate", "ItemErrors", "AvailabilityBurnFast", "AvailabilityBurnSlow"},
				Needs:  Collecting,
			},
		},
		{
			Name: "DatabaseSlow", Severity: Warning, For: r.fired(),
			// What compares the books reads every purchase, and nobody waits for it.
			Expr: r.expr(`
histogram_quantile(0.95, sum by (job, le) (
  rate(onsale_database_duration_seconds_bucket{$job,operation!~"audit_books|read_books"}[1m])
)) > $database_latency
and
sum by (job) (
  rate(onsale_database_duration_seconds_count{$job,operation!~"audit_books|read_books"}[1m])
) > $minimum_rate`),
			Needs: [][]Series{{
				{Name: "onsale_database_duration_seconds_bucket", Above: r.DatabaseLatency.Seconds()},
				{Name: "onsale_database_duration_seconds_count"},
			}},
			Summary: `The database takes {{ $value | humanizeDuration }}`,
			Description: fmt.Sprintf(`One call in 20 to the database takes {{ $value | humanizeDuration }} or longer; the limit is %s. `+
				`Each batch of purchases waits that long, so that buyers wait and the queue grows.`, span(r.DatabaseLatency)),
			Meaning: "The 95th percentile of the time that calls to the database take is over its limit. " +
				"Sales wait for one batch at a time to be on disk, so that a slow database limits how much is sold.",
			Steps: []string{
				"See which calls they are: histogram_quantile(0.95, sum by (operation, le) (rate(onsale_database_duration_seconds_bucket[1m]))).",
				"Only sell: the disk is slow to flush, or other writers hold the concert's row.",
				"All of them: see the database's CPU, its connections, and the network to it.",
				"See at GET /faults whether the plan slows the database down.",
			},
			Provoke: Provocation{
				Faults: `{"database":{"delay":` + onlyFixed("800ms") + `,"for":"2m"}}`,
				Also:   "Needs traffic, such as the crowd's.",
				Fires:  []string{"HighLatency", "LatencyBurnFast", "LatencyBurnSlow"},
				Needs:  Collecting,
			},
		},
		{
			Name: "QueueFilling", Severity: Warning, For: r.fired(),
			// Each replica has a queue of its own, and turns its own buyers away.
			Expr: r.expr(`
avg_over_time(onsale_queue_depth_orders{$job}[1m])
  /
max_over_time(onsale_queue_limit_orders{$job}[1m])
  > $queue_share`),
			Needs:   [][]Series{{{Name: "onsale_queue_depth_orders"}, {Name: "onsale_queue_limit_orders"}}},
			Summary: `The queue of {{ $labels.instance }} is {{ $value | humanizePercentage }} full`,
			Description: fmt.Sprintf(`Orders come in faster than they are written: the queue of {{ $labels.instance }} is `+
				`{{ $value | humanizePercentage }} full; the limit is %s. When it is full, buyers are turned away with "busy" at once.`, percent(r.QueueShare)),
			Meaning: "The queue of orders that wait for a batch is filling up. " +
				"It is there for the first second of an on-sale. When it stays full, more is asked for than the database can write.",
			Steps: []string{
				"See whether DatabaseSlow fires: then begin there.",
				"See onsale_batch_size_orders: batches at their maximum with a quick database mean that this is all it can write.",
				"See whether one client asks again and again; buyers who are told busy are told to wait a second.",
				"More replicas help when the CPU is the limit, and not when the database is.",
			},
			Provoke: Provocation{
				Faults: `{"database":{"delay":` + onlyFixed("3s") + `,"for":"2m"}}`,
				Also: "Needs more buyers at once than half the queue holds: start Onsale with a short queue and a large crowd, " +
					"--queue-limit 8 --crowd 200, or storm it with onsale stress.",
				Fires: []string{
					"DatabaseSlow", "HighFailureRate", "HighLatency",
					"AvailabilityBurnFast", "AvailabilityBurnSlow", "LatencyBurnFast", "LatencyBurnSlow",
				},
				Needs: Buying,
				Fit:   r.fitQueue,
			},
		},
	}
}
