package fault

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// kind is a kind of fault in the metrics.
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
	numKinds // the number of kinds

	// numRouteKinds is the number of kinds for routes, which come first.
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

// metrics are the metrics of injected faults. All series exist from the start.
type metrics struct {
	injected [numKinds]prometheus.Counter
	ballast  prometheus.Gauge
}

// newMetrics registers the metrics. It calls active at each scrape, so charts show
// the exact end of a fault.
func newMetrics(reg prometheus.Registerer, active func(kind) bool) *metrics {
	factory := promauto.With(reg)
	m := &metrics{
		ballast: factory.NewGauge(prometheus.GaugeOpts{
			Name: "onsale_fault_ballast_bytes",
			Help: "Memory that the memory fault holds on this replica.",
		}),
	}
	injected := factory.NewCounterVec(prometheus.CounterOpts{
		Name: "onsale_faults_injected_total",
		Help: "Injected faults: affected calls, transactions, probes and scrapes, started CPU burns and memory ballasts, and crashes.",
	}, []string{"fault"})
	for k, name := range kindNames {
		m.injected[k] = injected.WithLabelValues(name)
		factory.NewGaugeFunc(prometheus.GaugeOpts{
			Name:        "onsale_fault_active",
			Help:        "1 while the fault plan injects the fault, otherwise 0.",
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
