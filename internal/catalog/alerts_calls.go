package catalog

import (
	"fmt"
	"time"
)

// callsByStatus are the calls with the label that tells failed ones apart. The
// series of a failure comes with the first one, and is not looked for.
var callsByStatus = Series{Name: "http_requests_total", Match: `status!=''`}

// calls are the alerts on how calls are answered.
func (r rules) calls() []Alert {
	return []Alert{
		{
			Name: "HighFailureRate", Severity: Critical, For: r.fired(),
			// Sold out and denied are 409: the one is business, the other has an
			// alert of its own.
			Expr: r.expr(`
sum by (job) (rate(http_requests_total{$job,$calls,status=~"4..|5..",status!="409"}[1m]))
  /
sum by (job) (rate(http_requests_total{$job,$calls}[1m]))
  > $failure_share
and
sum by (job) (rate(http_requests_total{$job,$calls}[1m])) > $minimum_rate`),
			Needs:   [][]Series{{callsByStatus}},
			Summary: `{{ $value | humanizePercentage }} of API calls fail`,
			Description: fmt.Sprintf(`{{ $value | humanizePercentage }} of all calls are answered with an error; the limit is %s. `+
				`Buyers see errors instead of concerts and tickets. Sold out and denied are not among them.`, percent(r.FailureShare)),
			Meaning: "Too many API calls fail: they are answered with a status of 400 or more other than 409. " +
				"Sold out and denied, which are 409, are no failures; wrong requests (404, 422) are, because a client that all of a " +
				"sudden asks wrongly is as broken for its user as a server that does not answer. Probes and scrapes are left out, " +
				"and nothing is judged below a minimum of traffic.",
			Steps: []string{
				"See on the dashboard Tickets, in the panel Failure Rate (%), whether it is one route or all, and since when.",
				"Tell the two kinds apart: sum by (endpoint, status) (rate(http_requests_total[1m])). 5xx is ours; 4xx begins with a client, so look for a release or a script that went out then.",
				"With 5xx, see whether DatabaseErrors or QueueFilling fires too; if so, go on there.",
				"Look in the log for \"call failed\", which has the cause of each 500.",
				"See at GET /faults whether somebody is practising.",
			},
			Provoke: Provocation{
				Faults: `{"routes":{"/concerts":{"error":0.5,"for":"2m"}}}`,
				Also:   "Needs traffic on GET /concerts, such as the crowd's.",
				Fires:  []string{"AvailabilityBurnFast", "AvailabilityBurnSlow"},
				Needs:  Browsing,
			},
		},
		{
			Name: "HighDenialRate", Severity: Warning, For: r.fired(), KeepFiringFor: r.Scale(time.Minute),
			// The denominator is the purchases that could have been denied: well
			// formed, for a concert that exists, and not answered before by their
			// key. Neither a flood of wrong requests nor one of repetitions thins the
			// share out. Those that came too late are in: they could be denied too.
			Expr: r.expr(`
sum by (job) (rate(onsale_purchases_total{$job,outcome="denied"}[1m]))
  /
sum by (job) (rate(onsale_purchases_total{$job,outcome!~"invalid|not_found|replayed"}[1m]))
  > $denial_share
and
sum by (job) (rate(onsale_purchases_total{$job,outcome!~"invalid|not_found|replayed"}[1m])) > $minimum_rate`),
			Needs:   [][]Series{{{Name: "onsale_purchases_total", Match: `outcome!=''`}}},
			Summary: `{{ $value | humanizePercentage }} of purchases are denied`,
			Description: fmt.Sprintf(`{{ $value | humanizePercentage }} of purchases are denied though there are tickets; the limit is %s. `+
				`Buyers are told that tickets are currently unavailable, and have to try again.`, percent(r.DenialShare)),
			Meaning: "Too many purchases are denied at random although tickets are left. " +
				"It is the simulated trouble of a platform that turns buyers away. The share is of the purchases that could have been " +
				"denied: requests that are wrong, for a concert that does not exist, or answered from an earlier receipt do not count.",
			Steps: []string{
				"See at GET /faults which routes deny, and ask who has set the plan.",
				"On the dashboard Tickets, compare purchases by outcome: denied takes from sold, not from sold_out.",
				"A crowd or stress test of the scenario with denials calls /buy_random_deny, which denies 9.9 % by default: that is it, if nothing else is.",
				"PUT /faults with {\"preset\":\"off\"} ends all denials.",
			},
			Provoke: Provocation{
				Faults: `{"routes":{"/buy/{concert_id}":{"deny":0.9,"for":"2m"}}}`,
				Also:   "Needs purchases, such as the crowd's.",
				Needs:  Buying,
			},
		},
		{
			Name: "HighLatency", Severity: Warning, For: r.fired(), KeepFiringFor: r.Scale(time.Minute),
			// The last two parts judge services that do not time their calls by route, as
			// those that Onsale replaces. Probes and scrapes are quick, so that slow calls
			// are a smaller share of all requests: the quantile is as much higher.
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
				`The limit is %[1]s for all calls together, and %[2]s for creating items{{ end }}; simulated delays count. `+
				`Buyers wait, and many give up and try again.`,
				span(r.BuyLatency), span(r.Latency)),
			Meaning: "The 95th percentile of the response time of a route is over its limit. " +
				"Purchases have a limit of their own, because they include the simulated payment step. What the fault plan delays counts, " +
				"for buyers wait for it all the same; the objective on latency, LatencyBurnFast, leaves the payment step out. " +
				"A service that times all calls together, in request_duration_seconds, has the limit of purchases, since they are among them; " +
				"probes and scrapes are left out as far as http_requests_total counts them. One that times the creation of items, in " +
				"request_latency, has the limit of other calls.",
			Steps: []string{
				"See on the dashboard Tickets, in Response Time (Latency), whether p50 has risen too: then all wait, else only some.",
				"Compare with onsale_sale_duration_seconds. If the sale itself is quick, the time goes into a delay of the plan: see GET /faults.",
				"If the sale is slow as well, see DatabaseSlow and QueueFilling.",
				"See whether the processor is busy (HighCPU), and whether the traffic has grown.",
			},
			Provoke: Provocation{
				Faults: `{"routes":{"/concerts":{"delay":` + onlyFixed("2s") + `,"for":"3m"}}}`,
				Also:   "Needs traffic on GET /concerts, such as the crowd's.",
				Needs:  Browsing,
			},
		},
		{
			// Item calls are few, so that the window is longer, and with it the wait. A
			// service of items alone counts those that create, and no others.
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
				`Tickets are sold as before: buyers notice nothing, the users of items do.`, percent(r.ItemErrorShare)),
			Meaning: "Too many calls that create or delete items fail. " +
				"Every status of 400 or more counts, a token that was refused and an item that is not there too. " +
				"Of a service that does not count its calls by route, the share is of the calls that create items.",
			Steps: []string{
				"See which status it is: sum by (status) (rate(http_requests_total{endpoint=~\"/api/items.*\"}[2m])).",
				"403: a client uses tokens that have expired, or those of another user. Did ONSALE_TOKEN_KEY change?",
				"404: a client deletes twice, or what belongs to somebody else.",
				"5xx: see DatabaseErrors, and GET /faults.",
			},
			Provoke: Provocation{
				Faults: `{"routes":{"/api/items":{"error":0.5,"for":"5m"}}}`,
				Also:   "Needs item calls, such as those of the crowd or of onsale automate.",
				Fires:  []string{"HighFailureRate", "AvailabilityBurnFast", "AvailabilityBurnSlow"},
				Needs:  Collecting,
			},
		},
	}
}
