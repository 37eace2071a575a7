package metrics

import (
	"context"
	"log/slog"
	"net/http"
	"sync"

	"onsale/internal/telemetry"
)

// Handler serves all metrics of the registry, in the format that the scraper requests.
// Native histograms need protobuf, which Prometheus requests if it is configured for
// them.
func (m *Metrics) Handler(logger *slog.Logger) http.Handler {
	serve := telemetry.Handler(m.registry, logger)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			serve.ServeHTTP(w, r) // a HEAD response has no metrics
			return
		}
		number := m.scrapes.begin()
		answer := &response{ResponseWriter: w}
		serve.ServeHTTP(answer, r)
		if answer.sent {
			m.scrapes.end(number)
		}
	})
}

// AwaitScrape waits until a scrape that begins from now on has been answered. It
// returns false if the context ends first. A worker that has ended calls it, so that
// its last seconds are scraped. Then shut the server down gracefully, because the
// response may still be on its way.
func (m *Metrics) AwaitScrape(ctx context.Context) bool { return m.scrapes.await(ctx) }

// scrapes counts scrapes, in the order in which they began.
type scrapes struct {
	mu       sync.Mutex
	begun    int
	answered int           // the last answered one, in that order
	changed  chan struct{} // closed at the next response
}

func (s *scrapes) begin() (number int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.begun++
	return s.begun
}

func (s *scrapes) end(number int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answered = max(s.answered, number)
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *scrapes) await(ctx context.Context) bool {
	s.mu.Lock()
	before := s.begun
	s.mu.Unlock()
	for {
		s.mu.Lock()
		seen, changed := s.answered > before, s.changed
		s.mu.Unlock()
		if seen {
			return true
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return false
		}
	}
}

// response records whether metrics were sent.
type response struct {
	http.ResponseWriter

	refused bool
	sent    bool
}

// WriteHeader records a status without metrics.
func (w *response) WriteHeader(status int) {
	w.refused = w.refused || status != http.StatusOK
	w.ResponseWriter.WriteHeader(status)
}

// Write records whether a part of the body was sent.
func (w *response) Write(p []byte) (int, error) {
	n, err := w.ResponseWriter.Write(p)
	w.sent = err == nil && !w.refused
	return n, err
}
