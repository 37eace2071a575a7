package telemetry

import (
	"bytes"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	dto "github.com/prometheus/client_model/go"
)

const (
	// maxScrapes is the maximum number of concurrent scrapes; more get 503. It is
	// enough for a few Prometheus servers and some manual requests.
	maxScrapes = 8
	// scrapeTimeout is the time limit of a scrape, after which it gets 503. It is the
	// default scrape timeout of Prometheus.
	scrapeTimeout = 10 * time.Second
)

// Handler serves the metrics of reg in the format that the scraper requests: the text
// format, OpenMetrics, or protobuf, which is the only one with native histograms. Metrics
// that cannot be gathered are counted in promhttp_metric_handler_errors_total and left
// out; the others are served. Errors are logged when they change, at most once per scrape.
// A scraper that disconnects is not an error.
//
// An answer is built in memory before it is sent, so that slow readers do not count
// towards maxScrapes.
func Handler(reg *prometheus.Registry, logger *slog.Logger) http.Handler {
	errorLog := &errorLog{log: logger}
	metrics := promhttp.HandlerFor(gatherer{reg, errorLog}, promhttp.HandlerOpts{
		Registry:            reg,
		ErrorLog:            errorLog,
		ErrorHandling:       promhttp.ContinueOnError,
		EnableOpenMetrics:   true,
		OfferedCompressions: []promhttp.Compression{promhttp.Identity, promhttp.Gzip},
		MaxRequestsInFlight: maxScrapes,
	})
	limited := http.TimeoutHandler(whole(metrics), scrapeTimeout, fmt.Sprintf("The metrics were not gathered within %s.", scrapeTimeout))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		limited.ServeHTTP(w, r)
		if r.Context().Err() == nil && time.Since(began) >= scrapeTimeout {
			errorLog.Println(fmt.Sprintf("not gathered within %s", scrapeTimeout))
		}
	})
}

// answer is an answer in memory.
type answer struct {
	bytes.Buffer

	header http.Header
	status int
}

func (a *answer) Header() http.Header    { return a.header }
func (a *answer) WriteHeader(status int) { a.status = status }

// whole buffers an answer and sends it in one write. Without it, promhttp would log an
// error for each metric if the scraper disconnects.
func whole(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a := &answer{header: make(http.Header), status: http.StatusOK}
		next.ServeHTTP(a, r)
		maps.Copy(w.Header(), a.header)
		w.WriteHeader(a.status)
		_, _ = w.Write(a.Bytes()) // an error means that the scraper is gone
	})
}

// gatherer passes the result of each Gather to errorLog.
type gatherer struct {
	prometheus.Gatherer

	errorLog *errorLog
}

func (g gatherer) Gather() ([]*dto.MetricFamily, error) {
	began := time.Now()
	families, err := g.Gatherer.Gather()
	g.errorLog.gathered(err, time.Since(began))
	return families, err
}

// errorLog logs errors of the metrics when they change.
type errorLog struct {
	log *slog.Logger

	mu      sync.Mutex
	last    string // the error that was logged last; "" if there is none
	already bool   // an error was logged since the last Gather
}

var _ promhttp.Logger = (*errorLog)(nil)

// Println logs v as one error, unless it equals the last one or an error was already
// logged since the last Gather.
func (t *errorLog) Println(v ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	text := fmt.Sprint(v...)
	if text == t.last || t.already {
		return
	}
	t.last, t.already = text, true
	t.log.Error("serving metrics failed", "error", text)
}

// gathered is called after each Gather. It logs when errors are over.
func (t *errorLog) gathered(err error, took time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.already = false
	if err == nil && took < scrapeTimeout && t.last != "" {
		t.last = ""
		t.log.Info("metrics are served again")
	}
}
