package control

import (
	"encoding/json"
	"net/http"
	"sync"
	"time"

	"onsale/internal/problem"
	"onsale/internal/stress/result"
	"onsale/internal/stress/stats"
)

const (
	// maxStreams is how many event streams there are at once; more get 503.
	maxStreams = 100
	// interval is the time between two looks at what goes on.
	interval = time.Second
	// maxLines is how many names an event tells of; of more, those with the most
	// requests. It is sent each second, to everybody.
	maxLines = 50
)

// events tells everybody who listens what goes on.
type events struct {
	desk    Desk
	closing <-chan struct{} // closed when all streams are to end
	places  chan struct{}

	mu   sync.Mutex
	last frame
	at   time.Time // when the last was taken
}

func newEvents(closing <-chan struct{}, desk Desk) *events {
	return &events{desk: desk, closing: closing, places: make(chan struct{}, maxStreams)}
}

// frame is what goes on at one moment.
type frame struct {
	knowledge

	// data is the body of an event.
	data []byte
}

// look returns what goes on. All streams look at the same frame, so that many
// of them ask the desk hardly more often than one.
func (e *events) look() frame {
	e.mu.Lock()
	defer e.mu.Unlock()
	if now := time.Now(); e.at.IsZero() || now.Sub(e.at) >= interval/2 {
		e.last, e.at = frameOf(e.desk.Live()), now
	}
	return e.last
}

// moment is the data of an event "state": what fits in a second of a page.
type moment struct {
	Running bool   `json:"running"`
	ID      string `json:"id,omitempty"`
	Run     *brief `json:"run,omitempty"`
}

// brief is a run that is under way.
type brief struct {
	Started time.Time      `json:"started"`
	Now     *now           `json:"now"`
	Total   line           `json:"total"`
	Names   []line         `json:"names"`
	Due     int64          `json:"due"`
	NotSent int64          `json:"not_sent"`
	Self    stats.Self     `json:"self"`
	Verdict result.Verdict `json:"verdict"`
	// Point is the last of the series; there is none at first.
	Point *stats.Point `json:"point,omitempty"`
}

// line is what came of the requests of one name, or of all.
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
	if err != nil { // numbers of the statistics are finite
		panic(err)
	}
	return frame{knowledge{live.ID, live.Running}, data}
}

// serve is one stream: it lasts until its reader has gone, is too slow, or the
// server stops.
func (e *events) serve(w http.ResponseWriter, r *http.Request) {
	select {
	case e.places <- struct{}{}:
		defer func() { <-e.places }()
	default:
		w.Header().Set("Retry-After", "10")
		problem.New(http.StatusServiceUnavailable, "busy", "Too many event streams",
			"As many as there may be are open. GET /stress tells the same once.").Write(w)
		return
	}
	select {
	case <-e.closing:
		problem.New(http.StatusServiceUnavailable, "stopping", "The load tester is stopping", "No stream begins any more.").Write(w)
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
	for s.show(e.look()) {
		select {
		case <-ticker.C:
		case <-r.Context().Done():
			return
		case <-e.closing:
			return
		}
	}
}
