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

// Label values for unknown endpoints and methods. They keep clients from creating series.
const (
	// unmatched is the endpoint of requests that match no route.
	unmatched = "unmatched"
	// otherMethod is the method of requests with a method that HTTP does not define.
	otherMethod = "other"
)

// Route identifies one call of the API by its labels method and endpoint, such as POST
// and /buy/{concert_id}.
type Route struct{ Method, Endpoint string }

// HTTP counts and times the requests of the API. It is safe for concurrent use.
type HTTP struct {
	requests *prometheus.CounterVec
	duration prometheus.Histogram     // of all requests
	byRoute  *prometheus.HistogramVec // the same, one for each route

	// Only NewHTTP writes the maps, so reads need no lock.
	known     map[Route]*routeSeries
	unmatched map[string]*routeSeries // by method

	inFlight atomic.Int64
	leave    func() // what InFlight returns, made once
}

// NewHTTP registers the metrics of the API with reg. It panics if they are already
// registered. The series of each route exist from the start, with the value 0.
func NewHTTP(reg prometheus.Registerer, routes []Route) *HTTP {
	factory := promauto.With(reg)
	all := durationOpts("request_duration_seconds", "Time from request to answer, of all routes together.")
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
		Help: "Requests being answered now, including the scrape itself.",
	}, func() float64 { return float64(h.inFlight.Load()) })

	h.prepare(routes)
	return h
}

// prepare fills the maps. Routes get their series at once; all others get them with their
// first request.
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
	// The mux answers HEAD wherever it answers GET. If HEAD /ready were counted as
	// unmatched, alerts that exclude the probes would count it.
	for _, r := range routes {
		head := Route{http.MethodHead, r.Endpoint}
		if r.Method == http.MethodGet && h.known[head] == nil {
			h.known[head] = &routeSeries{route: head}
		}
	}
}

// Expect creates the series of a route's statuses with the value 0, so that rate() counts
// even the first answer. The route must be one of those passed to NewHTTP, or come from
// [Unmatched]; other routes are ignored.
func (h *HTTP) Expect(r Route, statuses ...int) {
	s := h.known[r]
	if s == nil && r.Endpoint == unmatched {
		s = h.unmatched[r.Method]
	}
	if s != nil {
		h.makeCounters(s, statuses)
	}
}

// ExpectInUse is like Expect, but creates the series with the first request of the route,
// whatever its status. An idle server then has few series. It must not be called after
// the first request was observed.
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

// Unmatched returns the route under which requests of a method that match no route are
// counted.
func Unmatched(method string) Route { return Route{method, unmatched} }

// Observe counts a request that was answered with status after the given seconds. A pair
// of method and endpoint that is not a route is counted under the endpoint unmatched, and
// a method that HTTP does not define as other. A status outside 100 to 599 is counted as
// 500, as RFC 9110, 15 specifies for clients. Observe allocates memory only when it
// creates a series.
func (h *HTTP) Observe(method, endpoint string, status int, seconds float64) {
	h.ObserveTrace(method, endpoint, status, seconds, "")
}

// sane returns the seconds, or 0 for a value that would corrupt the sum of a histogram.
func sane(seconds float64) float64 {
	if math.IsNaN(seconds) || math.IsInf(seconds, 0) || seconds < 0 {
		return 0
	}
	return seconds
}

// InFlight counts a request as being answered until the returned function is called. Call
// it exactly once:
//
//	defer metrics.InFlight()()
func (h *HTTP) InFlight() (done func()) {
	h.inFlight.Add(1)
	return h.leave
}

// seriesOf returns the series under which a request is counted.
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

// routeSeries caches the series of one route, because a lookup by labels costs a lock and
// a hash of all labels.
type routeSeries struct {
	route Route
	// inUse are the statuses whose series are created with the first request; used is
	// true once that has happened.
	inUse []int
	used  atomic.Bool

	duration atomic.Pointer[prometheus.Observer]
	byStatus [maxStatus - minStatus + 1]atomic.Pointer[prometheus.Counter]
}

// counterOf returns the counter of a status, and creates it if needed. Concurrent callers
// get the same one.
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

// durationOf returns the histogram of a route, and creates it if needed.
func (h *HTTP) durationOf(s *routeSeries) prometheus.Observer {
	if o := s.duration.Load(); o != nil {
		return *o
	}
	o := h.byRoute.WithLabelValues(s.route.Method, s.route.Endpoint)
	s.duration.Store(&o)
	return o
}

// usualStatus returns the status of a route's success. Its series exists from the start,
// because rate() counts the first request only if the series was 0 before.
func usualStatus(r Route) int {
	if r == (Route{http.MethodPost, "/api/items"}) {
		return http.StatusCreated
	}
	return http.StatusOK
}

// durationOpts describes a histogram of request durations, classic and native.
// The classic buckets are dense between 1 and 4 s because of the artificial delay. They
// have a bound at each threshold of an alert, so that quantiles near a threshold are
// exact rather than interpolated.
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
