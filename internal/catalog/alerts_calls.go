package catalog

import (
	"fmt"
	"time"
)

// callsByStatus are the calls with the label that distinguishes failures. A
// failure's own series appears only with the first failure, so no alert needs it.
var callsByStatus = Series{Name: "http_requests_total", Match: `status!=''`}

// calls returns the alerts on the responses to API calls.
func (r rules) calls() []Alert {
	return []Alert{
		{
			Name: "HighFailureRate", Severity: Critical, For: r.fired(),
			// Sold out and denied are both 409. Sold out is normal business, and
			// denials have their own alert.
			Expr: r.expr(`
sum by (job) (rate(http_requests_total{$job,$calls,status=~"4..|5..",status!="409"}[1m]))
  /
sum by (job) (rate(http_requests_total{$job,$calls}[1m]))
  > $failure_share
and
sum by (job) (rate(http_requests_total{$job,$calls}[1m])) > $minimum_rate`),
			Needs:   [][]Series{{callsByStatus}},
			Summary: `{{ $value | humanizePercentage }} of API calls fail`,
			Description: fmt.Sprintf(`{{ $value | humanizePercentage }} of API calls return an error; the limit is %s. `+
				`Buyers see errors instead of concerts and tickets. "Sold out" and "denied" do not count.`, percent(r.FailureShare)),
			Meaning: "Too many API calls fail: their status is 400 or higher, except 409. " +
				"409 means sold out or denied, and neither is a failure. Invalid requests (404, 422) count, because a client that suddenly " +
				"sends invalid requests is as broken for its user as a server that does not respond. Probes and scrapes do not count, " +
				"and the alert needs a minimum of traffic.",
			Steps: []string{
				"On the Tickets dashboard, panel Failure Rate (%), check whether one route fails or all of them, and since when.",
				"Separate client errors from server errors: sum by (endpoint, status) (rate(http_requests_total[1m])). 5xx is a server problem. 4xx starts with a client, so look for a release or a script that was started at that time.",
				"For 5xx, check whether DatabaseErrors or QueueFilling fires too. If so, continue with that runbook.",
				"Search the log for \"call failed\": each entry contains the cause of one 500.",
				"Check GET /faults: somebody may be injecting faults for practice.",
			},
			Provoke: Provocation{
				Faults: `{"routes":{"/concerts":{"error":0.5,"for":"2m"}}}`,
				Also:   "Needs traffic on GET /concerts, for example from the demo users.",
				Fires:  []string{"AvailabilityBurnFast", "AvailabilityBurnSlow"},
				Needs:  Browsing,
			},
		},
		{
			Name: "HighDenialRate", Severity: Warning, For: r.fired(), KeepFiringFor: r.Scale(time.Minute),
			// The denominator is the purchases that could have been denied: valid,
			// for an existing concert, and not replayed by their key. So neither
			// invalid nor repeated requests dilute the share. Sold-out purchases
			// count, because they could have been denied too.
			Expr: r.expr(`
sum by (job) (rate(onsale_purchases_total{$job,outcome="denied"}[1m]))
  /
sum by (job) (rate(onsale_purchases_total{$job,outcome!~"invalid|not_found|replayed"}[1m]))
  > $denial_share
and
sum by (job) (rate(onsale_purchases_total{$job,outcome!~"invalid|not_found|replayed"}[1m])) > $minimum_rate`),
			Needs:   [][]Series{{{Name: "onsale_purchases_total", Match: `outcome!=''`}}},
			Summary: `{{ $value | humanizePercentage }} of purchases are denied`,
			Description: fmt.Sprintf(`{{ $value | humanizePercentage }} of purchases are denied although tickets are left; the limit is %s. `+
				`Buyers see "tickets currently unavailable" and have to try again.`, percent(r.DenialShare)),
			Meaning: "Too many purchases are denied at random although tickets are left. " +
				"This simulates a platform that turns buyers away. The share covers only purchases that could have been " +
				"denied. Invalid requests, requests for an unknown concert and replays of an earlier receipt do not count.",
			Steps: []string{
				"Check GET /faults for the routes that deny purchases, and ask the person who set the plan.",
				"On the Tickets dashboard, compare purchases by outcome: denials reduce sold, not sold_out.",
				"Demo users or a stress test with the denial scenario call /buy_random_deny, which denies 9.9 % by default. If no other route denies purchases, this is the cause.",
				"To end all denials, send PUT /faults with {\"preset\":\"off\"}.",
			},
			Provoke: Provocation{
				Faults: `{"routes":{"/buy/{concert_id}":{"deny":0.9,"for":"2m"}}}`,
				Also:   "Needs purchases, for example from the demo users.",
				Needs:  Buying,
			},
		},
		{
			Name: "HighLatency", Severity: Warning, For: r.fired(), KeepFiringFor: r.Scale(time.Minute),
			// The last two parts cover services that do not measure latency by
			// route, such as the services that Onsale replaces. Their histogram
			// includes fast probes and scrapes, so slow calls are a smaller share
			// of it. The expression therefore raises the quantile.
			Expr: r.expr(`
(
  histogram_quantile(0.95, sum by (job, endpoint, le) (
    rate(onsale_request_duration_seconds_bucket{$job,endpoint=~"/buy.*"}[1m])
  )) > $buy_latency
  or
  histogram_quantile(0.95, sum by (job, endpoint, le) (
    rate(onsale_request_duration_seconds_bucket{$job,endpoint!~"/buy.*|/health|/ready|/metrics"}[1m])
  )) > $latency
)
and
sum by (job, endpoint) (rate(onsale_request_duration_seconds_count{$job}[1m])) > $minimum_rate
or
histogram_quantile(
  scalar(1 - 0.05 * clamp_max(
    sum(rate(http_requests_total{$job,$calls}[1m]) $untimed)
      /
    sum(rate(request_duration_seconds_count{$job}[1m]) $untimed),
    1
  ) or vector(0.95)),
  sum by (job, le) (rate(request_duration_seconds_bucket{$job}[1m]) $untimed)
) > $buy_latency
and
(
  sum by (job) (rate(http_requests_total{$job,$calls}[1m]) $untimed)
  or
  sum by (job) (rate(request_duration_seconds_count{$job}[1m]) $untimed)
) > $minimum_rate
or
histogram_quantile(0.95, sum by (job, le) (rate(request_latency_bucket{$job}[1m]) $untimed)) > $latency
and
sum by (job) (rate(request_latency_count{$job}[1m]) $untimed) > $minimum_rate`),
			Needs: [][]Series{
				{
					{Name: "onsale_request_duration_seconds_bucket", Above: min(r.BuyLatency, r.Latency).Seconds()},
					{Name: "onsale_request_duration_seconds_count"},
				},
				{{Name: "request_duration_seconds_bucket", Above: r.BuyLatency.Seconds()}},
				{{Name: "request_latency_bucket", Above: r.Latency.Seconds()}, {Name: "request_latency_count"}},
			},
			Later:   []string{"http_requests_total", "request_duration_seconds_count", "onsale_request_duration_seconds_count"},
			Summary: `{{ with $labels.endpoint }}{{ . }} takes{{ else }}Requests take{{ end }} {{ $value | humanizeDuration }}`,
			Description: fmt.Sprintf(`One call in 20{{ with $labels.endpoint }} of {{ . }}{{ end }} takes {{ $value | humanizeDuration }} or longer. `+
				`{{ if $labels.endpoint }}The limit is %[1]s for purchases and %[2]s for all other calls{{ else }}`+
				`The limit is %[1]s for all calls together and %[2]s for creating items{{ end }}. Simulated delays count. `+
				`Buyers wait, and many give up and retry.`,
				span(r.BuyLatency), span(r.Latency)),
			Meaning: "The 95th percentile of the response time of a route is over its limit. " +
				"Purchases have their own limit, because they include the simulated payment step. Delays from the fault plan count, " +
				"because buyers wait for them all the same. The latency objective, LatencyBurnFast, excludes the payment step. " +
				"A service that measures all calls together, in request_duration_seconds, gets the limit of purchases, because purchases are among them. " +
				"Probes and scrapes are excluded as far as http_requests_total counts them. A service that measures the creation of items, in " +
				"request_latency, gets the limit of other calls.",
			Steps: []string{
				"On the Tickets dashboard, panel Response Time (Latency), check whether p50 has risen too. If it has, all callers wait; otherwise only some do.",
				"Compare with onsale_sale_duration_seconds. If the sale itself is fast, the fault plan causes the delay: see GET /faults.",
				"If the sale is slow too, see DatabaseSlow and QueueFilling.",
				"Check whether the CPU is busy (HighCPU) and whether traffic has grown.",
			},
			Provoke: Provocation{
				Faults: `{"routes":{"/concerts":{"delay":` + onlyFixed("2s") + `,"for":"3m"}}}`,
				Also:   "Needs traffic on GET /concerts, for example from the demo users.",
				Needs:  Browsing,
			},
		},
		{
			// Item calls are rare, so the window and the "for" are longer. A
			// service that serves only items counts only the calls that create
			// them.
			Name: "ItemErrors", Severity: Warning, For: r.Scale(2 * time.Minute),
			Expr: r.expr(`
sum by (job) (rate(error_rate_total{$job}[2m]))
  /
sum by (job) (
  sum by (job, instance) (rate(http_requests_total{$job,endpoint=~"/api/items.*"}[2m]))
  or
  sum by (job, instance) (rate(total_requests_total{$job}[2m]))
)
  > $item_error_share
and
sum by (job) (
  sum by (job, instance) (rate(http_requests_total{$job,endpoint=~"/api/items.*"}[2m]))
  or
  sum by (job, instance) (rate(total_requests_total{$job}[2m]))
) > $minimum_rate`),
			Needs:   [][]Series{{{Name: "http_requests_total", Match: `endpoint=~'/api/items.*'`}}, {{Name: "total_requests_total"}}},
			Later:   []string{"error_rate_total"},
			Summary: `{{ $value | humanizePercentage }} of item calls fail`,
			Description: fmt.Sprintf(`{{ $value | humanizePercentage }} of the calls that create or delete items fail; the limit is %s. `+
				`Ticket sales continue: buyers notice nothing, but users of items do.`, percent(r.ItemErrorShare)),
			Meaning: "Too many calls that create or delete items fail. " +
				"Every status of 400 or higher counts, including rejected tokens and unknown items. " +
				"For a service that does not count its calls by route, the share covers the calls that create items.",
			Steps: []string{
				"Find the status: sum by (status) (rate(http_requests_total{endpoint=~\"/api/items.*\"}[2m])).",
				"403: a client uses expired tokens or those of another user. Check whether ONSALE_TOKEN_KEY changed.",
				"404: a client deletes an item twice, or deletes an item of another user.",
				"5xx: see DatabaseErrors, and GET /faults.",
			},
			Provoke: Provocation{
				Faults: `{"routes":{"/api/items":{"error":0.5,"for":"5m"}}}`,
				Also:   "Needs item calls, for example from the demo users or from onsale automate.",
				Fires:  []string{"HighFailureRate", "AvailabilityBurnFast", "AvailabilityBurnSlow"},
				Needs:  Collecting,
			},
		},
	}
}
