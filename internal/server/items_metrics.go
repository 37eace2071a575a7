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
	// DefaultMaxUserLabels is the default number of users with their own series.
	DefaultMaxUserLabels = 200
	// MaxUserLabels is the maximum number of users with their own series. With the
	// longest ids, their series take 2 MB of every scrape.
	MaxUserLabels = 10_000

	// otherUsers is the label of all users beyond the limit. A user with this very
	// id is counted with them.
	otherUsers = "other"
)

// itemMetrics are the metrics on the dashboard of the item calls. Their names come from
// the earlier service.
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
			Help: "Requests to create an item, successful or not.",
		}),
		failed: factory.NewCounter(prometheus.CounterOpts{
			Name: "error_rate_total",
			Help: "Requests to create or delete an item that were answered with status 400 or higher.",
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
			Help: "Items created and deleted, by user. Users beyond the limit of labels are counted as other.",
		}, []string{"user_id"}), maxUserLabels),
	}
	factory.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "average_request_size",
		Help: "Mean size of the bodies of the last 1,000 requests to create an item, in bytes.",
	}, m.sizes.mean)
	factory.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "active_users",
		Help: "Distinct users seen in the last 5 minutes, up to 10,000.",
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

// averageOf is the number of sizes in the average. It is large enough for a steady value,
// and small enough to follow a change within a minute of a busy client.
const averageOf = 1000

// movingAverage is the mean of the last sizes.
type movingAverage struct {
	mu    sync.Mutex
	sizes [averageOf]int64 // a ring; the oldest is at n % averageOf
	n     int              // sizes observed so far
	sum   int64
}

// observe adds a size in bytes. It ignores sizes that are unknown (negative) or above
// the limit.
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

// mean returns the average in bytes; 0 if there were no sizes.
func (a *movingAverage) mean() float64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.n == 0 {
		return 0
	}
	return float64(a.sum) / float64(min(a.n, averageOf))
}

// userActivity counts the actions of users. The first users, up to the limit, have their
// own labels.
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

// count counts an action of the user.
func (a *userActivity) count(user string) { a.counter(user).Inc() }

// counter returns the user's counter, or the one of all other users.
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
	user = strings.Clone(user) // do not keep the whole header alive
	c = a.vec.WithLabelValues(user)
	a.byUser[user] = c
	return c
}
