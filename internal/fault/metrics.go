package fault

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// kind is a kind of fault, as it is counted.
type kind int

const (
	kindDelay kind = iota
	kindDeny
	kindError
	kindHang
	kindReset
	kindDatabaseDelay
	kindDatabaseError
	kindCPU
	kindMemory
	kindNotReady
	kindScrapeOutage
	kindCrash
	numKinds // how many there are

	// numRouteKinds is how many of them are faults of routes: the first ones.
	numRouteKinds = kindDatabaseDelay
)

// kindNames are the values of the label fault.
var kindNames = [numKinds]string{
	kindDelay:         "delay",
	kindDeny:          "deny",
	kindError:         "error",
	kindHang:          "hang",
	kindReset:         "reset",
	kindDatabaseDelay: "database_delay",
	kindDatabaseError: "database_error",
	kindCPU:           "cpu",
	kindMemory:        "memory",
	kindNotReady:      "not_ready",
	kindScrapeOutage:  "scrape_outage",
	kindCrash:         "crash",
}

// metrics tell what goes wrong on purpose. All series exist from the start.
type metrics struct {
	injected [numKinds]prometheus.Counter
	ballast  prometheus.Gauge
}

// newMetrics registers the metrics; active says whether a kind of fault lasts,
// and is asked at each scrape, so that no fault outlives its end on a chart.
func newMetrics(reg prometheus.Registerer, active func(kind) bool) *metrics {
	factory := promauto.With(reg)
	m := &metrics{
		ballast: factory.NewGauge(prometheus.GaugeOpts{
			Name: "onsale_fault_ballast_bytes",
			Help: "Memory that this replica holds for nothing because the fault plan says so.",
		}),
	}
	injected := factory.NewCounterVec(prometheus.CounterOpts{
		Name: "onsale_faults_injected_total",
		Help: "Faults injected on purpose: calls and transactions hit, probes and scrapes misled, CPU burns and memory ballasts begun, crashes.",
	}, []string{"fault"})
	for k, name := range kindNames {
		m.injected[k] = injected.WithLabelValues(name)
		factory.NewGaugeFunc(prometheus.GaugeOpts{
			Name:        "onsale_fault_active",
			Help:        "1 while the fault plan injects the fault, else 0.",
			ConstLabels: prometheus.Labels{"fault": name},
		}, func() float64 {
			if active(kind(k)) {
				return 1
			}
			return 0
		})
	}
	return m
}

// count counts one injection.
func (m *metrics) count(k kind) { m.injected[k].Inc() }
