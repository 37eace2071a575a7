package telemetry

import (
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

const (
	// maxScrapes is how many scrapes are gathered at once; more get 503. A few
	// Prometheus servers and a curious person are fewer than that.
	maxScrapes = 8
	// scrapeTimeout is the longest a scrape may take; then it gets 503. It is
	// Prometheus's own default, after which nobody waits for the answer.
	scrapeTimeout = 10 * time.Second
)

// Handler serves the metrics of reg in the format that the scraper asks for:
// the text format, OpenMetrics, or protobuf, which alone carries native
// histograms. Metrics that cannot be gathered are logged, counted in
// promhttp_metric_handler_errors_total and left out; the others are served.
//
// An answer is built in memory before it is sent, so that a scraper that reads
// slowly takes no place among the maxScrapes.
func Handler(reg *prometheus.Registry, logger *slog.Logger) http.Handler {
	return promhttp.HandlerFor(reg, promhttp.HandlerOpts{
		Registry:            reg,
		ErrorLog:            errorLog{logger},
		ErrorHandling:       promhttp.ContinueOnError,
		EnableOpenMetrics:   true,
		OfferedCompressions: []promhttp.Compression{promhttp.Identity, promhttp.Gzip},
		MaxRequestsInFlight: maxScrapes,
		Timeout:             scrapeTimeout,
	})
}

// errorLog gives promhttp's complaints to a structured logger.
type errorLog struct{ logger *slog.Logger }

var _ promhttp.Logger = errorLog{}

// Println logs v as one error.
func (l errorLog) Println(v ...any) {
	l.logger.Error("serving metrics failed", "error", fmt.Sprint(v...))
}
