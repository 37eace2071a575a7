package metrics

import (
	"maps"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

const (
	// maxEntries bounds the pairs of method and name that have series. The
	// statistics bound the names too; each costs some 70 series with classic
	// buckets.
	maxEntries = 200
	// maxKinds bounds the kinds of failures of a name, and of business outcomes.
	maxKinds = 30
	// maxLabel bounds a label's value, in bytes.
	maxLabel = 200
	// other stands for what is beyond a bound.
	other = "(other)"
)

// The values of the label outcome, beside the kinds of business outcomes, such
// as denied and sold_out.
const (
	outcomeOK     = "ok"
	outcomeFailed = "failed"
)

// entry is the requests of one method and name.
type entry struct{ method, name string }

// series are those of one entry, looked up once: a look-up by labels costs a
// lock and a hash of all of them.
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

// label makes a text one that a label can hold.
func label(text string) string {
	if len(text) > maxLabel {
		text = text[:maxLabel]
	}
	return strings.ToValidUTF8(text, "")
}

// cache keeps what was made for a key. Reading takes no lock; a new key copies
// the map, which happens as often as there are keys.
type cache[K comparable, V any] struct {
	kept atomic.Pointer[map[K]V]
	// most keys are kept; all others share what belongs to rest.
	most   int
	rest   K
	create func(K) V
	mu     sync.Mutex // one adds at a time
}

func newCache[K comparable, V any](most int, rest K, create func(K) V) *cache[K, V] {
	c := &cache[K, V]{most: most, rest: rest, create: create}
	c.kept.Store(&map[K]V{})
	return c
}

// of returns what belongs to a key.
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
		return value // somebody else was quicker
	}
	more := make(map[K]V, len(kept)+1)
	maps.Copy(more, kept)
	value := c.create(key)
	more[key] = value
	c.kept.Store(&more)
	return value
}
