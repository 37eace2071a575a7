package telemetry

import (
	"math"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Label values that stand for what the API does not know, so that no client
// can make series grow.
const (
	// unmatched is the endpoint of requests that fit no route.
	unmatched = "unmatched"
	// otherMethod is the method of requests whose method HTTP does not define.
	otherMethod = "other"
)

// Route names one call of the API as it stands in the labels method and
// endpoint: POST and /buy/{concert_id}.
type Route struct{ Method, Endpoint string }

// HTTP counts and times the requests of the API. It is safe for concurrent use.
type HTTP struct {
	requests *prometheus.CounterVec
	duration prometheus.Histogram     // of all requests
	byRoute  *prometheus.HistogramVec // the same, one for each route

	// The maps are written by NewHTTP only, so that they are read without a lock.
	known     map[Route]*routeSeries
	unmatched map[string]*routeSeries // by method

	inFlight atomic.Int64
	leave    func() // what InFlight returns, made once
}

// NewHTTP registers the metrics of the API with reg and panics if they are
// registered already. Each of the routes has its series from the start, at 0.
func NewHTTP(reg prometheus.Registerer, routes []Route) *HTTP {
	factory := promauto.With(reg)
	all := durationOpts("request_duration_seconds", "Time from request to answer, all routes together.")
	each := durationOpts("onsale_request_duration_seconds", "Time from request to answer, by method and route.")
	h := &HTTP{
		requests: factory.NewCounterVec(prometheus.CounterOpts{
			Name: "http_requests_total",
			Help: "Requests answered, by method, route and status.",
		}, []string{"method", "endpoint", "status"}),
		duration:  factory.NewHistogram(all),
		byRoute:   factory.NewHistogramVec(each, []string{"method", "endpoint"}),
		known:     make(map[Route]*routeSeries),
		unmatched: make(map[string]*routeSeries),
	}
	h.leave = func() { h.inFlight.Add(-1) }
	factory.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "onsale_requests_in_flight",
		Help: "Requests being answered now, the scrape itself included.",
	}, func() float64 { return float64(h.inFlight.Load()) })

	h.prepare(routes)
	return h
}

// prepare fills the maps. Routes get their series at once; what may never be
// asked for gets them when it is.
func (h *HTTP) prepare(routes []Route) {
	for _, method := range []string{
		http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch,
		http.MethodDelete, http.MethodConnect, http.MethodOptions, http.MethodTrace, otherMethod,
	} {
		h.unmatched[method] = &routeSeries{route: Route{method, unmatched}}
	}
	for _, r := range routes {
		s := &routeSeries{route: r}
		h.known[r] = s
		h.durationOf(s)
		h.counterOf(s, usualStatus(r))
	}
	// The mux answers HEAD wherever it answers GET. Were a HEAD /ready counted
	// as unmatched, alerts that leave the probes out would count it.
	for _, r := range routes {
		head := Route{http.MethodHead, r.Endpoint}
		if r.Method == http.MethodGet && h.known[head] == nil {
			h.known[head] = &routeSeries{route: head}
		}
	}
}

// Expect makes the series of a route's statuses exist at 0 before the first of
// them is answered, so that it is seen as a rise. The endpoint of [Unmatched] may
// be given too; another route that NewHTTP was not given has none.
func (h *HTTP) Expect(r Route, statuses ...int) {
	s := h.known[r]
	if s == nil && r.Endpoint == unmatched {
		s = h.unmatched[r.Method]
	}
	if s != nil {
		h.makeCounters(s, statuses)
	}
}

// ExpectInUse is Expect from the first request of the route on, whatever its answer
// is: a server that nobody asks has no series for each status of each route. It must
// not be called once requests are observed.
func (h *HTTP) ExpectInUse(r Route, statuses ...int) {
	if s := h.known[r]; s != nil {
		s.inUse = append(s.inUse, statuses...)
	}
}

func (h *HTTP) makeCounters(s *routeSeries, statuses []int) {
	for _, status := range statuses {
		h.counterOf(s, status)
	}
}

// Unmatched stands for the requests of a method that fit no route.
func Unmatched(method string) Route { return Route{method, unmatched} }

// Observe counts a request that was answered with status after the given
// seconds. A pair of method and endpoint that is no route counts under the
// endpoint unmatched, a method that HTTP does not define as other. A status
// outside 100 to 599 counts as 500, which is how clients are to read it (RFC
// 9110, 15). Once a series is there, Observe allocates no memory.
func (h *HTTP) Observe(method, endpoint string, status int, seconds float64) {
	h.ObserveTrace(method, endpoint, status, seconds, "")
}

// sane returns the seconds, or 0 for what would spoil a sum for ever.
func sane(seconds float64) float64 {
	if math.IsNaN(seconds) || math.IsInf(seconds, 0) || seconds < 0 {
		return 0
	}
	return seconds
}

// InFlight counts a request as being answered until the returned function is
// called, which must happen once:
//
//	defer metrics.InFlight()()
func (h *HTTP) InFlight() (done func()) {
	h.inFlight.Add(1)
	return h.leave
}

// seriesOf returns the series that a request counts in.
func (h *HTTP) seriesOf(method, endpoint string) *routeSeries {
	if s, ok := h.known[Route{method, endpoint}]; ok {
		return s
	}
	if s, ok := h.unmatched[method]; ok {
		return s
	}
	return h.unmatched[otherMethod]
}

// The statuses that HTTP defines a class for (RFC 9110, 15).
const (
	minStatus = 100
	maxStatus = 599
)

// routeSeries keeps the series of one route once they were looked up: the
// look-up by labels costs a lock and a hash of all labels.
type routeSeries struct {
	route Route
	// inUse are statuses whose series are made with the first request, used says
	// that they are.
	inUse []int
	used  atomic.Bool

	duration atomic.Pointer[prometheus.Observer]
	byStatus [maxStatus - minStatus + 1]atomic.Pointer[prometheus.Counter]
}

// counterOf returns the counter of a status, and makes it when it is new.
// Several callers that make it at once get the same one.
func (h *HTTP) counterOf(s *routeSeries, status int) prometheus.Counter {
	if status < minStatus || status > maxStatus {
		status = http.StatusInternalServerError
	}
	kept := &s.byStatus[status-minStatus]
	if c := kept.Load(); c != nil {
		return *c
	}
	c := h.requests.WithLabelValues(s.route.Method, s.route.Endpoint, strconv.Itoa(status))
	kept.Store(&c)
	return c
}

// durationOf returns the histogram of a route, and makes it when it is new.
func (h *HTTP) durationOf(s *routeSeries) prometheus.Observer {
	if o := s.duration.Load(); o != nil {
		return *o
	}
	o := h.byRoute.WithLabelValues(s.route.Method, s.route.Endpoint)
	s.duration.Store(&o)
	return o
}

// usualStatus returns the status of a route's success, which exists from the
// start at 0: rate() sees the first request only when there was a 0 before it.
func usualStatus(r Route) int {
	if r == (Route{http.MethodPost, "/api/items"}) {
		return http.StatusCreated
	}
	return http.StatusOK
}

// durationOpts describes a histogram of request durations, classic and native.
// The classic buckets are dense where the artificial delay of 1 to 4 s falls
// and have a bound at each limit that alerts compare with, so that a quantile
// near a limit is read off, not guessed.
func durationOpts(name, help string) prometheus.HistogramOpts {
	return prometheus.HistogramOpts{
		Name: name,
		Help: help,
		Buckets: []float64{ // seconds
			.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5, 7.5, 10,
		},
		NativeHistogramBucketFactor:     1.1,
		NativeHistogramMaxBucketNumber:  100,
		NativeHistogramMinResetDuration: time.Hour,
	}
}
