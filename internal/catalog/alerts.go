package catalog

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"
)

// rules builds expressions and texts from the thresholds of the settings and the
// durations of the pace.
type rules struct {
	Settings
	Pace

	names *strings.Replacer
}

func newRules(s Settings, p Pace) rules {
	return rules{Settings: s, Pace: p, names: strings.NewReplacer(
		"$job", `job=`+strconv.Quote(s.Job),
		"$calls", apiCalls,
		"$untimed", fmt.Sprintf("unless on (job, instance) last_over_time(onsale_request_duration_seconds_count{job=%s}[%s])",
			strconv.Quote(s.Job), span(p.Scale(2*time.Minute))),
		"$failure_share", number(s.FailureShare),
		"$denial_share", number(s.DenialShare),
		"$item_error_share", number(s.ItemErrorShare),
		"$minimum_rate", number(s.MinimumRate),
		"$buy_latency", number(s.BuyLatency.Seconds()),
		"$latency", number(s.Latency.Seconds()),
		"$database_latency", number(s.DatabaseLatency.Seconds()),
		"$database_error_rate", number(s.DatabaseErrorRate),
		"$queue_share", number(s.QueueShare),
		"$cpu_percent", number(s.CPUPercent),
		"$memory_percent", number(s.MemoryPercent),
		"$sale_limit", number(saleLimit.Seconds()),
		"$evaluate", number(p.Evaluate.Seconds()),
	)}
}

// apiCalls selects the calls that clients make on purpose. Probes and scrapes are
// frequent and fast, and would dilute every share.
const apiCalls = `endpoint!~"/health|/ready|/metrics"`

// window matches the durations in an expression.
var window = regexp.MustCompile(`(\[|offset )([0-9]+[hms])+`)

// expr scales the durations of an expression to the pace and replaces the $names of
// the settings by their values. Expressions are written at the real pace.
func (r rules) expr(text string) string {
	scaled := window.ReplaceAllStringFunc(strings.TrimSpace(text), func(found string) string {
		at := strings.LastIndexAny(found, "[ ") + 1
		d, err := time.ParseDuration(found[at:])
		if err != nil { // a test parses every expression, so this does not happen
			return found
		}
		return found[:at] + span(r.Scale(d))
	})
	return r.names.Replace(scaled)
}

// fired is the "for" of most alerts. It is as long as the window of most rates. A
// single bad event stays in the window for less than that, so it never fires an
// alert.
func (r rules) fired() time.Duration { return r.Scale(time.Minute) }

// number formats a threshold for PromQL and for people.
func number(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

// percent formats a share for people.
func percent(share float64) string { return strconv.FormatFloat(share*100, 'g', 6, 64) + " %" }

// span formats a duration as Prometheus does.
func span(d time.Duration) string { return model.Duration(d).String() }

// Alerts returns all alerts, grouped by what they watch.
func Alerts(s Settings, p Pace) []Alert {
	r := newRules(s, p)
	var all []Alert
	for _, some := range [][]Alert{r.calls(), r.sale(), r.burning(), r.database(), r.machine()} {
		all = append(all, some...)
	}
	return all
}

// Recordings returns all recording rules in evaluation order: some rules read the
// results of earlier ones.
func Recordings(s Settings, p Pace) []Recording {
	r := newRules(s, p)
	return append(r.stock(), r.objectives()...)
}
