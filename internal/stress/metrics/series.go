package metrics

import (
	"maps"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

const (
	// maxEntries limits the pairs of method and name that have series. Each has about
	// 70 series with classic buckets.
	maxEntries = 200
	// maxKinds limits the kinds of failures of a name, and of business outcomes.
	maxKinds = 30
	// maxLabel limits a label's value, in bytes.
	maxLabel = 200
	// other is the label of everything beyond a limit.
	other = "(other)"
)

// The values of the label outcome, in addition to business outcomes such as denied and
// sold_out.
const (
	outcomeOK     = "ok"
	outcomeFailed = "failed"
)

// entry is a method and a name.
type entry struct{ method, name string }

// series are the series of one entry. They are looked up once, because a look-up by
// labels takes a lock and hashes all labels.
type series struct {
	ok, failed         prometheus.Counter
	business, failures *cache[string, prometheus.Counter]
	response, service  prometheus.Observer
}

func (m *Metrics) newSeries(e entry) *series {
	method, name := label(e.method), label(e.name)
	return &series{
		ok:     m.requests.WithLabelValues(method, name, outcomeOK),
		failed: m.requests.WithLabelValues(method, name, outcomeFailed),
		business: newCache(maxKinds, other, func(kind string) prometheus.Counter {
			return m.requests.WithLabelValues(method, name, label(kind))
		}),
		failures: newCache(maxKinds, other, func(kind string) prometheus.Counter {
			return m.failures.WithLabelValues(method, name, label(kind))
		}),
		response: m.response.WithLabelValues(method, name),
		service:  m.service.WithLabelValues(method, name),
	}
}

// label makes a text valid as a label's value.
func label(text string) string {
	if len(text) > maxLabel {
		text = text[:maxLabel]
	}
	return strings.ToValidUTF8(text, "")
}

// cache stores a value per key. Reading takes no lock. A new key copies the map, which
// happens once per key.
type cache[K comparable, V any] struct {
	kept atomic.Pointer[map[K]V]
	// most is the maximum number of keys. All further keys share the value of rest.
	most   int
	rest   K
	create func(K) V
	mu     sync.Mutex // held while a key is added
}

func newCache[K comparable, V any](most int, rest K, create func(K) V) *cache[K, V] {
	c := &cache[K, V]{most: most, rest: rest, create: create}
	c.kept.Store(&map[K]V{})
	return c
}

// of returns the value of a key.
func (c *cache[K, V]) of(key K) V {
	kept := *c.kept.Load()
	if value, ok := kept[key]; ok {
		return value
	}
	if value, ok := kept[c.rest]; ok && len(kept) >= c.most {
		return value
	}
	return c.add(key)
}

func (c *cache[K, V]) add(key K) V {
	c.mu.Lock()
	defer c.mu.Unlock()
	kept := *c.kept.Load()
	if len(kept) >= c.most {
		key = c.rest
	}
	if value, ok := kept[key]; ok {
		return value // another goroutine was faster
	}
	more := make(map[K]V, len(kept)+1)
	maps.Copy(more, kept)
	value := c.create(key)
	more[key] = value
	c.kept.Store(&more)
	return value
}
