// Package metrics exposes one worker of a load test to Prometheus, in a form that adds
// up over the workers of a Kubernetes Job: counters, gauges that can be summed, and
// native histograms, whose buckets are the same in every worker.
//
//	histogram_quantile(0.95, sum(rate(onsale_stress_response_seconds[1m])))
//
// is the 95th percentile over all workers and names. A scraper without native
// histograms gets a few classic buckets of the same name.
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
	// bucketFactor makes each bucket of a native histogram at most 10% wider than the
	// one before. That is 8 per doubling, so a quantile is off by at most about 5%.
	bucketFactor = 1.1
	// maxBuckets is enough for 20 doublings, such as 60 µs to 60 s.
	maxBuckets = 160
	// minReset is the minimum age at which a histogram with too many buckets is reset.
	// Before, its buckets become wider.
	minReset = time.Hour
)

// classicBuckets returns the bounds for scrapers without native histograms, in seconds.
// There are few, because each is a separate series per worker and name.
func classicBuckets() []float64 {
	return []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}
}

// Options of [Metrics] are the labels of onsale_stress_info.
type Options struct {
	// Scenario is what users do.
	Scenario string
	// Host is the target's address. Its user and password are not shown.
	Host string
	// Worker is the worker's number and the number of workers, such as 0/4.
	Worker string
}

// Metrics are the metrics of one worker. They are safe for concurrent use.
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
			Help: "Requests, by outcome.",
		}, []string{"method", "name", "outcome"}),
		failures: factory.NewCounterVec(prometheus.CounterOpts{
			Name: "onsale_stress_failures_total",
			Help: "Failed requests, by cause.",
		}, []string{"method", "name", "kind"}),
		response: factory.NewHistogramVec(timesOf("onsale_stress_response_seconds",
			"Time from the moment a request was due to the end of its answer."), []string{"method", "name"}),
		service: factory.NewHistogramVec(timesOf("onsale_stress_service_seconds",
			"Time from sending a request to the end of its answer."), []string{"method", "name"}),
	}
	m.series = newCache(maxEntries, entry{other, other}, m.newSeries)
	m.scrapes.changed = make(chan struct{})
	factory.NewGauge(prometheus.GaugeOpts{
		Name: "onsale_stress_info", Help: "The load test that this worker runs; always 1.",
		ConstLabels: prometheus.Labels{"scenario": label(o.Scenario), "host": label(public(o.Host)), "worker": label(o.Worker)},
	}).Set(1)
	m.state = newState(factory)
	return m
}

// timesOf returns the options of a histogram of times, native and classic.
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
		return other // an invalid address may contain a secret
	}
	u.User = nil
	return u.String()
}

// Observe counts and times one request. It can be used as [stats.Options.Observe]: it
// does not block, and after the first request of a method and name it does not
// allocate.
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
