package server

import (
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

const (
	// DefaultMaxUserLabels is how many users have a series of their own unless
	// set otherwise.
	DefaultMaxUserLabels = 200
	// MaxUserLabels is the most that may be asked for: users with the longest
	// ids then make up two megabytes of every scrape.
	MaxUserLabels = 10_000

	// otherUsers is the label of all users beyond the limit. A user whose id
	// this is counts with them.
	otherUsers = "other"
)

// itemMetrics are those that the item calls' dashboard reads. Their names are
// the earlier service's.
type itemMetrics struct {
	requests   prometheus.Counter
	failed     prometheus.Counter
	created    prometheus.Counter
	processing prometheus.Histogram
	latency    prometheus.Histogram
	sizes      *movingAverage
	active     *activeUsers
	activity   *userActivity
}

func newItemMetrics(reg prometheus.Registerer, maxUserLabels int, now func() time.Time) *itemMetrics {
	factory := promauto.With(reg)
	m := &itemMetrics{
		requests: factory.NewCounter(prometheus.CounterOpts{
			Name: "total_requests_total",
			Help: "Requests to create an item, however they ended.",
		}),
		failed: factory.NewCounter(prometheus.CounterOpts{
			Name: "error_rate_total",
			Help: "Requests to create or delete an item that were answered with a status of 400 or more.",
		}),
		created: factory.NewCounter(prometheus.CounterOpts{
			Name: "total_items_created_total",
			Help: "Items created.",
		}),
		processing: factory.NewHistogram(itemDuration("processing_time",
			"Artificial delay of requests to create an item, in seconds.")),
		latency: factory.NewHistogram(itemDuration("request_latency",
			"Time from a request to create an item to its answer, in seconds.")),
		sizes:  new(movingAverage),
		active: newActiveUsers(now),
		activity: newUserActivity(factory.NewCounterVec(prometheus.CounterOpts{
			Name: "user_activity_total",
			Help: "Items created and deleted, by user; those who came when there were too many count as other.",
		}, []string{"user_id"}), maxUserLabels),
	}
	factory.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "average_request_size",
		Help: "Mean size of the bodies of the last 1,000 requests to create an item, in bytes.",
	}, m.sizes.mean)
	factory.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "active_users",
		Help: "Different users seen in the last 5 minutes; 10,000 stands for that many or more.",
	}, m.active.count)
	return m
}

// itemDuration describes a histogram, classic and native. Its classic buckets
// are dense where the delay of 0.1 to 0.5 s falls.
func itemDuration(name, help string) prometheus.HistogramOpts {
	return prometheus.HistogramOpts{
		Name:                            name,
		Help:                            help,
		Buckets:                         []float64{.005, .01, .025, .05, .1, .15, .2, .25, .3, .35, .4, .45, .5, .6, .75, 1, 2.5, 5, 10},
		NativeHistogramBucketFactor:     1.1,
		NativeHistogramMaxBucketNumber:  100,
		NativeHistogramMinResetDuration: time.Hour,
	}
}

// answered counts a request of the pattern if it is an item call.
func (m *itemMetrics) answered(pattern string, status int, seconds float64) {
	switch pattern {
	case patternCreateItem:
		m.requests.Inc()
		m.latency.Observe(seconds)
	case patternDeleteItem:
	default:
		return
	}
	if status >= http.StatusBadRequest {
		m.failed.Inc()
	}
}

// averageOf is how many sizes the average is made of: enough to be calm, and
// few enough to follow a change within a minute of a busy client.
const averageOf = 1000

// movingAverage is the mean of the last sizes.
type movingAverage struct {
	mu    sync.Mutex
	sizes [averageOf]int64 // a ring; the oldest stands at n % averageOf
	n     int              // how many there have ever been
	sum   int64
}

// observe adds a size. One that nobody knows, or of a body that was refused
// for it, is none.
func (a *movingAverage) observe(size int64) {
	if size < 0 || size > maxItemBody {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	oldest := &a.sizes[a.n%averageOf]
	a.sum += size - *oldest // which is 0 until the ring is full
	*oldest = size
	a.n++
}

// mean returns the average, 0 where there is nothing to average.
func (a *movingAverage) mean() float64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.n == 0 {
		return 0
	}
	return float64(a.sum) / float64(min(a.n, averageOf))
}

// userActivity counts what users do, each under a label of their own while
// there are few.
type userActivity struct {
	vec   *prometheus.CounterVec
	limit int
	other prometheus.Counter

	mu     sync.RWMutex
	byUser map[string]prometheus.Counter
}

func newUserActivity(vec *prometheus.CounterVec, limit int) *userActivity {
	return &userActivity{vec: vec, limit: limit, other: vec.WithLabelValues(otherUsers), byUser: make(map[string]prometheus.Counter)}
}

// count counts something that the user has done.
func (a *userActivity) count(user string) { a.counter(user).Inc() }

// counter returns the user's counter, or that of all others.
func (a *userActivity) counter(user string) prometheus.Counter {
	a.mu.RLock()
	c, known := a.byUser[user]
	full := len(a.byUser) >= a.limit
	a.mu.RUnlock()
	switch {
	case known:
		return c
	case full || user == otherUsers:
		return a.other
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if c, known = a.byUser[user]; known {
		return c
	}
	if len(a.byUser) >= a.limit {
		return a.other
	}
	user = strings.Clone(user) // of a header, which is not to be kept whole
	c = a.vec.WithLabelValues(user)
	a.byUser[user] = c
	return c
}
