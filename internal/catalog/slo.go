package catalog

import (
	"fmt"
	"time"
)

// SLO is a service level objective: the share of events that must be good over a
// period. The error budget is 1 minus the objective.
type SLO struct {
	// Name is the value of the label slo.
	Name string
	// Objective is the share of good events, 0 to 1.
	Objective float64
	// Period is the time that the objective covers.
	Period time.Duration
	// Good and Bad describe good and bad events.
	Good, Bad string
	// Events and Errors are PromQL for the rates of all events and of bad events,
	// per second over a minute.
	Events, Errors string
	// Needs are the series without which Errors is always 0, as in [Alert].
	Needs [][]Series
	// Alert is the name of its alerts without the suffix for the burn speed.
	Alert string
	// Buyers describes what it means for buyers, and Steps what to do.
	Buyers  string
	Steps   []string
	Provoke Provocation

	burst burst
}

// burst is a short problem: a patch of the fault plan with a placeholder for its
// duration, and the share of the demo users' events that are bad meanwhile.
type burst struct {
	faults string
	share  float64
}

const (
	// sloPeriod is short, because an on-sale lasts only days.
	sloPeriod = 7 * 24 * time.Hour
	// saleLimit is how long a sale may take, from order to outcome. It is a bucket
	// bound of onsale_sale_duration_seconds, so the count is exact.
	saleLimit = 256 * time.Millisecond
)

// SLOs returns the objectives.
func SLOs(s Settings, p Pace) []SLO {
	r := newRules(s, p)
	return []SLO{
		{
			Name: "availability", Alert: "AvailabilityBurn", Objective: 0.999, Period: sloPeriod,
			Good: "API calls succeed without a server error",
			Bad:  "API calls return a server error",
			Events: r.expr(`
sum by (job) (rate(http_requests_total{$job,$calls}[1m]))`),
			// Before the first bad call there is no series of bad calls, which means 0.
			Errors: r.expr(`
sum by (job) (rate(http_requests_total{$job,$calls,status=~"5.."}[1m]))
or
0 * sum by (job) (rate(http_requests_total{$job,$calls}[1m]))`),
			Needs:  [][]Series{{callsByStatus}},
			Buyers: "Buyers see errors that they did not cause.",
			Steps: []string{
				"Find the routes: sum by (endpoint, status) (rate(http_requests_total{status=~\"5..\"}[1m])).",
				"500: search the log for \"call failed\". The code \"injected\" in a response means that the fault plan caused it.",
				"503: see DatabaseErrors, DatabaseSlow and QueueFilling.",
				"If a release went out just before, roll it back.",
			},
			Provoke: Provocation{
				Faults: `{"routes":{"/concerts":{"error":0.5,"for":"4m"}}}`,
				Also:   "Needs traffic on GET /concerts, for example from the demo users.",
				Fires:  []string{"HighFailureRate"},
				Needs:  Browsing,
			},
			burst: burst{`{"routes":{"/concerts":{"error":1,"for":"%s"}}}`, 0.45},
		},
		{
			Name: "latency", Alert: "LatencyBurn", Objective: 0.99, Period: sloPeriod,
			Good: "sales take at most " + saleLimit.String() + ", without the simulated payment step",
			Bad:  "sales take longer than " + saleLimit.String(),
			Events: r.expr(`
sum by (job) (rate(onsale_sale_duration_seconds_count{$job}[1m]))`),
			Errors: r.expr(`
clamp_min(
  sum by (job) (rate(onsale_sale_duration_seconds_count{$job}[1m]))
    -
  sum by (job) (rate(onsale_sale_duration_seconds_bucket{$job,le="$sale_limit"}[1m])),
  0
)`),
			Needs: [][]Series{{
				{Name: "onsale_sale_duration_seconds_bucket", Match: fmt.Sprintf("le='%s'", number(saleLimit.Seconds()))},
				{Name: "onsale_sale_duration_seconds_count"},
			}},
			Buyers: "Buyers wait for the database after their payment.",
			Steps: []string{
				"See DatabaseSlow, and histogram_quantile(0.95, rate(onsale_batch_duration_seconds_bucket[1m])).",
				"If batches are fast and sales are slow, orders wait in the queue: see onsale_queue_depth_orders and onsale_batch_size_orders.",
				"If batches are slow, check the database's disk and CPU, and onsale_batch_reruns_total for conflicts between writers.",
				"Check GET /faults: the plan may slow the database down.",
			},
			Provoke: Provocation{
				Faults: `{"database":{"delay":` + onlyFixed("300ms") + `,"for":"4m"}}`,
				Also:   "Needs purchases, for example from the demo users.",
				Needs:  Buying,
			},
			burst: burst{`{"database":{"delay":` + onlyFixed("300ms") + `,"for":"%s"}}`, 0.75},
		},
	}
}
