package catalog

import "fmt"

// database returns the alerts on calls to the database.
func (r rules) database() []Alert {
	return []Alert{
		{
			Name: "DatabaseErrors", Severity: Critical, For: r.fired(),
			// Conflicts between writers are normal, and Onsale retries them. While
			// the database rejects sales, few calls are made that could fail. A
			// replica without its database gets few calls too, so one such replica
			// is enough.
			Expr: r.expr(`
sum by (job) (rate(onsale_database_errors_total{$job,kind!="conflict"}[1m])) > $database_error_rate
or
min by (job) (max_over_time(onsale_database_up{$job}[24s])) < 1`),
			Needs:   each(0, "onsale_database_up", "onsale_database_errors_total"),
			Summary: `{{ if $value }}{{ $value | printf "%.1f" }} database calls fail per second{{ else }}The database prevents all sales{{ end }}`,
			Description: fmt.Sprintf(`{{ if $value }}{{ $value | printf "%%.1f" }} calls to the database fail per second; the limit is %s.`+
				`{{ else }}The database does not respond to an instance, or does not let it write purchases.{{ end }} Buyers cannot buy. Nothing is sold twice, `+
				`and sold tickets stay sold.`, number(r.DatabaseErrorRate)),
			Meaning: "Calls to the database fail, or the database prevents sales: it does not respond, has no free connection, is read-only, or denies access. " +
				"Conflicts between writers do not count, because Onsale retries them. It retries most failed batches too, so some of these " +
				"errors reach no buyer. At this rate, many do.",
			Steps: []string{
				"Read GET /ready and the log entry \"database unavailable\". It names the problem and, for a missing privilege, the statement that grants it.",
				"Find the kind of error: sum by (kind) (rate(onsale_database_errors_total[1m])).",
				"unavailable: check whether the database and the network are up, whether the disk is full, and whether connections are left (onsale_database_connections).",
				"unknown: the connection failed during COMMIT. Those buyers can look up the outcome at GET /purchases/{id}. Watch BooksDoNotBalance.",
				"refused: the database rejected a value that Onsale's validation accepted. Report this as a bug.",
				"Check GET /faults: the plan may make transactions fail.",
			},
			Provoke: Provocation{
				Faults: `{"database":{"error":0.5,"for":"2m"}}`,
				Also:   "Needs traffic, for example from the demo users.",
				Fires:  []string{"HighFailureRate", "ItemErrors", "AvailabilityBurnFast", "AvailabilityBurnSlow"},
				Needs:  Collecting,
			},
		},
		{
			Name: "DatabaseSlow", Severity: Warning, For: r.fired(),
			// The ledger audit reads every purchase, and no caller waits for it.
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
				`Each batch of purchases takes that long, so buyers wait and the queue grows.`, span(r.DatabaseLatency)),
			Meaning: "The 95th percentile of the duration of database calls is over its limit. " +
				"Onsale writes one batch of sales at a time, so a slow database limits the number of sales.",
			Steps: []string{
				"Find the slow calls: histogram_quantile(0.95, sum by (operation, le) (rate(onsale_database_duration_seconds_bucket[1m]))).",
				"Only sell is slow: the disk flushes slowly, or other writers lock the concert's row.",
				"All calls are slow: check the database's CPU, its connections and the network.",
				"Check GET /faults: the plan may slow the database down.",
			},
			Provoke: Provocation{
				Faults: `{"database":{"delay":` + onlyFixed("800ms") + `,"for":"2m"}}`,
				Also:   "Needs traffic, for example from the demo users.",
				Fires:  []string{"HighLatency", "LatencyBurnFast", "LatencyBurnSlow"},
				Needs:  Collecting,
			},
		},
		{
			Name: "QueueFilling", Severity: Warning, For: r.fired(),
			// Each replica has its own queue and turns away its own buyers.
			Expr: r.expr(`
avg_over_time(onsale_queue_depth_orders{$job}[1m])
  /
max_over_time(onsale_queue_limit_orders{$job}[1m])
  > $queue_share`),
			Needs:   [][]Series{{{Name: "onsale_queue_depth_orders"}, {Name: "onsale_queue_limit_orders"}}},
			Summary: `The queue of {{ $labels.instance }} is {{ $value | humanizePercentage }} full`,
			Description: fmt.Sprintf(`Orders arrive faster than the database writes them: the queue of {{ $labels.instance }} is `+
				`{{ $value | humanizePercentage }} full; the limit is %s. When it is full, buyers immediately get "busy".`, percent(r.QueueShare)),
			Meaning: "The queue of orders that wait for a batch is filling up. " +
				"The queue is meant to absorb the first second of an on-sale. If it stays full, orders arrive faster than the database can write.",
			Steps: []string{
				"If DatabaseSlow fires too, start with that runbook.",
				"Check onsale_batch_size_orders. Full batches and a fast database mean that the database is at its capacity.",
				"Check whether one client retries without waiting. A \"busy\" response asks the client to wait a second.",
				"More replicas help if the CPU is the limit, but not if the database is.",
			},
			Provoke: Provocation{
				Faults: `{"database":{"delay":` + onlyFixed("3s") + `,"for":"2m"}}`,
				Also: "Needs more concurrent buyers than half the queue limit. Start Onsale with a short queue and many demo users, " +
					"--queue-limit 8 --crowd 200, or load it with onsale stress.",
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
