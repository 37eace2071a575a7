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
	// maxScrapes is how many scrapes are gathered at once; more get 503. A few
	// Prometheus servers and a curious person are fewer than that.
	maxScrapes = 8
	// scrapeTimeout is the longest a scrape may take; then it gets 503. It is
	// Prometheus's own default, after which nobody waits for the answer.
	scrapeTimeout = 10 * time.Second
)

// Handler serves the metrics of reg in the format that the scraper asks for:
// the text format, OpenMetrics, or protobuf, which alone carries native
// histograms. Metrics that cannot be gathered are counted in
// promhttp_metric_handler_errors_total and left out; the others are served. What is
// wrong is logged when it changes, at most once a scrape. A scraper that hangs up is
// no error.
//
// An answer is built in memory before it is sent, so that a scraper that reads
// slowly takes no place among the maxScrapes.
func Handler(reg *prometheus.Registry, logger *slog.Logger) http.Handler {
	told := &told{log: logger}
	metrics := promhttp.HandlerFor(gatherer{reg, told}, promhttp.HandlerOpts{
		Registry:            reg,
		ErrorLog:            told,
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
			told.Println(fmt.Sprintf("not gathered within %s", scrapeTimeout))
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

// whole sends an answer when all of it was written, in one piece. A writer that
// fails, since the scraper has hung up, would make promhttp log each of the metrics.
func whole(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a := &answer{header: make(http.Header), status: http.StatusOK}
		next.ServeHTTP(a, r)
		maps.Copy(w.Header(), a.header)
		w.WriteHeader(a.status)
		_, _ = w.Write(a.Bytes()) // the scraper may have hung up
	})
}

// gatherer notes how each gathering ends.
type gatherer struct {
	prometheus.Gatherer

	told *told
}

func (g gatherer) Gather() ([]*dto.MetricFamily, error) {
	began := time.Now()
	families, err := g.Gatherer.Gather()
	g.told.gathered(err, time.Since(began))
	return families, err
}

// told logs what is wrong with the metrics when it changes.
type told struct {
	log *slog.Logger

	mu      sync.Mutex
	last    string // what was logged last; "" if all is well
	already bool   // something was logged since the last gathering
}

var _ promhttp.Logger = (*told)(nil)

// Println logs v as one error, unless it was the last one, or another one was logged
// since the last gathering.
func (t *told) Println(v ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	text := fmt.Sprint(v...)
	if text == t.last || t.already {
		return
	}
	t.last, t.already = text, true
	t.log.Error("serving metrics failed", "error", text)
}

// gathered begins anew after each gathering, and logs that errors are over.
func (t *told) gathered(err error, took time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.already = false
	if err == nil && took < scrapeTimeout && t.last != "" {
		t.last = ""
		t.log.Info("metrics are served again")
	}
}
