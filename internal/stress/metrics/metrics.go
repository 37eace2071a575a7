// Package metrics shows a Prometheus what one worker of a load test does, in
// such a way that the workers of a Kubernetes Job add up there: counters, gauges
// that may be summed, and native histograms, whose buckets are the same in
// every worker.
//
//	histogram_quantile(0.95, sum(rate(onsale_stress_response_seconds[1m])))
//
// is the 95th percentile over all workers and names. A scraper that knows no native
// histograms sees the classic buckets of the same name, which are few.
package metrics

import (
	"net/url"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"onsale/internal/stress/stats"
)

const (
	// bucketFactor makes a bucket of a native histogram at most a tenth wider than
	// the one before: 8 for each doubling, so a quantile is some 5 % off at most.
	bucketFactor = 1.1
	// maxBuckets is room for 20 doublings, 60 µs to 60 s say.
	maxBuckets = 160
	// minReset is how old a histogram must be before it begins anew when it has too many
	// buckets; until then its buckets become wider.
	minReset = time.Hour
)

// classicBuckets are the bounds for scrapers that know no native histograms, in
// seconds. There are few, as each is a series of its own, a worker and a name.
func classicBuckets() []float64 {
	return []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}
}

// Options of [Metrics] say what the worker runs; they are the labels of
// onsale_stress_info.
type Options struct {
	// Scenario is what users do.
	Scenario string
	// Host is the target's address. A user and a password in it are not shown.
	Host string
	// Worker is which of how many this one is, 0/4 say.
	Worker string
}

// Metrics are those of one worker. They are safe for concurrent use.
type Metrics struct {
	registry *prometheus.Registry

	requests, failures *prometheus.CounterVec
	response, service  *prometheus.HistogramVec
	series             *cache[entry, *series]

	state   *state
	scrapes scrapes
}

// New registers the metrics of a worker with reg, and panics if they are
// registered already.
func New(reg *prometheus.Registry, o Options) *Metrics {
	factory := promauto.With(reg)
	m := &Metrics{
		registry: reg,
		requests: factory.NewCounterVec(prometheus.CounterOpts{
			Name: "onsale_stress_requests_total",
			Help: "Requests that were answered or have failed, by what came of them.",
		}, []string{"method", "name", "outcome"}),
		failures: factory.NewCounterVec(prometheus.CounterOpts{
			Name: "onsale_stress_failures_total",
			Help: "Requests that have failed, by what went wrong.",
		}, []string{"method", "name", "kind"}),
		response: factory.NewHistogramVec(timesOf("onsale_stress_response_seconds",
			"Time from when a request was due to the end of its answer."), []string{"method", "name"}),
		service: factory.NewHistogramVec(timesOf("onsale_stress_service_seconds",
			"Time from when a request was sent to the end of its answer."), []string{"method", "name"}),
	}
	m.series = newCache(maxEntries, entry{other, other}, m.newSeries)
	m.scrapes.changed = make(chan struct{})
	factory.NewGauge(prometheus.GaugeOpts{
		Name: "onsale_stress_info", Help: "What this worker runs; always 1.",
		ConstLabels: prometheus.Labels{"scenario": label(o.Scenario), "host": label(public(o.Host)), "worker": label(o.Worker)},
	}).Set(1)
	m.state = newState(factory)
	return m
}

// timesOf describes a histogram of times, native and classic.
func timesOf(name, help string) prometheus.HistogramOpts {
	return prometheus.HistogramOpts{
		Name: name, Help: help, Buckets: classicBuckets(),
		NativeHistogramBucketFactor:     bucketFactor,
		NativeHistogramMaxBucketNumber:  maxBuckets,
		NativeHistogramMinResetDuration: minReset,
	}
}

// public returns an address without user and password.
func public(host string) string {
	if !strings.Contains(host, "://") {
		host = "http://" + host
	}
	u, err := url.Parse(host)
	if err != nil {
		return other // what cannot be read may hide a secret
	}
	u.User = nil
	return u.String()
}

// Observe counts and times one request. It fits [stats.Options.Observe]: it does not block, and
// once a method and name are known it allocates nothing.
func (m *Metrics) Observe(method, name string, s stats.Sample) {
	of := m.series.of(entry{method, name})
	of.response.Observe(max(s.Response, 0).Seconds())
	of.service.Observe(max(s.Service, 0).Seconds())
	switch s.Outcome.Class {
	case stats.OK:
		of.ok.Inc()
	case stats.Business:
		of.business.of(s.Outcome.Kind).Inc()
	default:
		of.failed.Inc()
		of.failures.of(s.Outcome.Kind).Inc()
	}
}
