package catalog

import (
	"fmt"
	"time"
)

// SLO is a service level objective: which share of events must be good over a
// period. What may be bad, 1 less the objective, is its error budget.
type SLO struct {
	// Name is the value of the label slo.
	Name string
	// Objective is the share of good events, 0 to 1.
	Objective float64
	// Period is the time over which the objective is judged.
	Period time.Duration
	// Good and Bad say which events are good, and which are bad.
	Good, Bad string
	// Events and Errors are the rates, per second over a minute, of all events
	// and of the bad ones.
	Events, Errors string
	// Needs are the series without which Errors never rises, as in [Alert].
	Needs [][]Series
	// Alert is what its alerts are called, before the speed of the burn.
	Alert string
	// Buyers says what it means for them, and Steps what to do.
	Buyers  string
	Steps   []string
	Provoke Provocation

	burst burst
}

// burst is a short trouble: a patch of the fault plan with a place for how long it
// lasts, and the share of the demo crowd's events that are bad meanwhile.
type burst struct {
	faults string
	share  float64
}

const (
	// sloPeriod is short, because an on-sale is over in days.
	sloPeriod = 7 * 24 * time.Hour
	// saleLimit is how long a sale may take, from order to outcome. It is a bound
	// of the buckets of onsale_sale_duration_seconds, so that nothing is guessed.
	saleLimit = 256 * time.Millisecond
)

// SLOs returns the objectives.
func SLOs(s Settings, p Pace) []SLO {
	r := newRules(s, p)
	return []SLO{
		{
			Name: "availability", Alert: "AvailabilityBurn", Objective: 0.999, Period: sloPeriod,
			Good: "API calls are answered without a server error",
			Bad:  "API calls are answered with a server error",
			Events: r.expr(`
sum by (job) (rate(http_requests_total{$job,$calls}[1m]))`),
			// Without a single bad call there is no series of them, which is none.
			Errors: r.expr(`
sum by (job) (rate(http_requests_total{$job,$calls,status=~"5.."}[1m]))
or
0 * sum by (job) (rate(http_requests_total{$job,$calls}[1m]))`),
			Needs:  [][]Series{{callsByStatus}},
			Buyers: "Buyers see errors that are not their own.",
			Steps: []string{
				"See which routes it is: sum by (endpoint, status) (rate(http_requests_total{status=~\"5..\"}[1m])).",
				"500: look in the log for \"call failed\"; the code injected in an answer means that the fault plan did it.",
				"503: see DatabaseErrors, DatabaseSlow and QueueFilling.",
				"If a release went out just before, take it back.",
			},
			Provoke: Provocation{
				Faults: `{"routes":{"/concerts":{"error":0.5,"for":"4m"}}}`,
				Also:   "Needs traffic on GET /concerts, such as the crowd's.",
				Fires:  []string{"HighFailureRate"},
				Needs:  Browsing,
			},
			burst: burst{`{"routes":{"/concerts":{"error":1,"for":"%s"}}}`, 0.45},
		},
		{
			Name: "latency", Alert: "LatencyBurn", Objective: 0.99, Period: sloPeriod,
			Good: "sales take " + saleLimit.String() + " at most, without the simulated payment step",
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
			Buyers: "Buyers wait for the database, after they have paid.",
			Steps: []string{
				"See DatabaseSlow, and histogram_quantile(0.95, rate(onsale_batch_duration_seconds_bucket[1m])).",
				"Quick batches and slow sales: orders wait in the queue, see onsale_queue_depth_orders and onsale_batch_size_orders.",
				"Slow batches: see the database's disk and CPU, and onsale_batch_reruns_total for writers in each other's way.",
				"See at GET /faults whether the plan slows the database down.",
			},
			Provoke: Provocation{
				Faults: `{"database":{"delay":` + onlyFixed("300ms") + `,"for":"4m"}}`,
				Also:   "Needs purchases, such as the crowd's.",
				Needs:  Buying,
			},
			burst: burst{`{"database":{"delay":` + onlyFixed("300ms") + `,"for":"%s"}}`, 0.75},
		},
	}
}
