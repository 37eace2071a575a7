package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"

	"onsale/internal/problem"
	"onsale/internal/stress/result"
	"onsale/internal/stress/stats"
)

const (
	// maxStreams is how many event streams can be open; further ones get 503.
	maxStreams = 100
	// interval is the time between two polls of the runner.
	interval = time.Second
	// maxLines is how many names an event has: those with the most requests. An event
	// goes to every client each second.
	maxLines = 50
)

// events streams the state of the runner to its clients.
type events struct {
	runner  Runner
	closing <-chan struct{} // closed when all streams are to end
	places  chan struct{}

	mu   sync.Mutex
	last frame
	at   time.Time // when last was taken
}

func newEvents(closing <-chan struct{}, runner Runner) *events {
	return &events{runner: runner, closing: closing, places: make(chan struct{}, maxStreams)}
}

// frame is the state at one moment.
type frame struct {
	cursor

	// data is the body of an event.
	data []byte
}

// poll returns the current state. All streams share a frame for half an interval,
// so that many streams poll the runner hardly more often than one.
func (e *events) poll() frame {
	e.mu.Lock()
	defer e.mu.Unlock()
	if now := time.Now(); e.at.IsZero() || now.Sub(e.at) >= interval/2 {
		e.last, e.at = frameOf(e.runner.Live()), now
	}
	return e.last
}

// moment is the data of a "state" event.
type moment struct {
	Running bool   `json:"running"`
	ID      string `json:"id,omitempty"`
	Run     *brief `json:"run,omitempty"`
}

// brief is the part of a running run that the console shows.
type brief struct {
	Started time.Time      `json:"started"`
	Now     *now           `json:"now"`
	Total   line           `json:"total"`
	Names   []line         `json:"names"`
	Due     int64          `json:"due"`
	NotSent int64          `json:"not_sent"`
	Self    stats.Self     `json:"self"`
	Verdict result.Verdict `json:"verdict"`
	// Point is the last point of the series; nil in the first second.
	Point *stats.Point `json:"point,omitempty"`
}

// line summarizes the requests of one name, or all requests.
type line struct {
	Method         string           `json:"method,omitempty"`
	Name           string           `json:"name,omitempty"`
	Requests       int64            `json:"requests"`
	Failures       int64            `json:"failures"`
	Business       map[string]int64 `json:"business,omitempty"`
	RateNow        float64          `json:"rate_now"`
	FailureRateNow float64          `json:"failure_rate_now"`
	P50            stats.MS         `json:"p50_ms"`
	P95            stats.MS         `json:"p95_ms"`
	P99            stats.MS         `json:"p99_ms"`
	Max            stats.MS         `json:"max_ms"`
}

func lineOf(s stats.Summary) line {
	return line{
		Method: s.Method, Name: s.Name, Requests: s.Requests, Failures: s.Failures, Business: s.Business,
		RateNow: s.RateNow, FailureRateNow: s.FailureRateNow,
		P50: s.Response.P50, P95: s.Response.P95, P99: s.Response.P99, Max: s.Response.Max,
	}
}

func frameOf(live Live) frame {
	m := moment{Running: live.Running, ID: live.ID}
	if live.Running {
		m.Run = briefOf(live)
	}
	data, err := json.Marshal(m)
	if err != nil { // all numbers of the statistics are finite
		panic(err)
	}
	return frame{cursor{live.ID, live.Running}, data}
}

// serve serves one stream until its client disconnects, is too slow, or the server
// stops.
func (e *events) serve(w http.ResponseWriter, r *http.Request) {
	select {
	case e.places <- struct{}{}:
		defer func() { <-e.places }()
	default:
		w.Header().Set("Retry-After", "10")
		problem.New(http.StatusServiceUnavailable, "busy", "Too many event streams",
			fmt.Sprintf("All %d event streams are in use. GET /stress returns the same state once.", maxStreams)).Write(w)
		return
	}
	select {
	case <-e.closing:
		problem.New(http.StatusServiceUnavailable, "stopping", "The load tester is stopping", "It accepts no new streams.").Write(w)
		return
	default:
	}
	s := newStream(w, r.Header.Get("Last-Event-ID"))
	if !s.begin() || r.Method == http.MethodHead {
		return
	}
	defer s.end()
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for s.show(e.poll()) {
		select {
		case <-ticker.C:
		case <-r.Context().Done():
			return
		case <-e.closing:
			return
		}
	}
}
