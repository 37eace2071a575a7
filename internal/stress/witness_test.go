package stress_test

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"onsale/internal/stress"
	"onsale/internal/stress/wire"
)

// seen has the moments of a request as a witness saw them, by clocks of its own: when
// its task was due, just before it was sent, just after its answer was read; and when
// the server was done with it, if the server is [witness.serve].
type seen struct{ due, before, after, done time.Time }

// witness sees all requests of a run. The load tester's times of each lie between two
// of the witness's moments, whatever the machine does. So its report can be checked
// without assumptions about how busy the machine is.
type witness struct {
	mu   sync.Mutex
	seen []*seen
}

// kind returns a kind of users whose requests the witness sees. It calls then, if not
// nil, with the number of each request.
func (w *witness) kind(wait stress.Wait, then func(n int)) stress.Kind {
	return stress.Kind{Name: "seen", Weight: 1, Wait: wait, Join: func(u *stress.User) stress.Part {
		call := &stress.Call{Name: "/", Request: wire.Request{Method: "GET"}}
		return stress.Part{Tasks: []stress.Task{{Weight: 1, Do: func(ctx context.Context) {
			s := &seen{due: stress.Due(u)}
			w.mu.Lock()
			n := len(w.seen)
			w.seen = append(w.seen, s)
			w.mu.Unlock()
			call.Request.Path = "/" + strconv.Itoa(n)
			s.before = time.Now()
			u.Do(ctx, call)
			s.after = time.Now()
			if then != nil {
				then(n)
			}
		}}}}
	}}
}

// serve records when the server is done, just before it answers.
func (w *witness) serve(work http.HandlerFunc) http.HandlerFunc {
	return func(rw http.ResponseWriter, r *http.Request) {
		work(rw, r)
		n, err := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/"))
		if err != nil {
			http.NotFound(rw, r)
			return
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		w.seen[n].done = time.Now()
	}
}

// times returns a duration of each request, sorted.
func (w *witness) times(of func(s *seen) time.Duration) (times []time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.seen {
		times = append(times, of(s))
	}
	slices.Sort(times)
	return times
}

// between checks that a reported percentile lies between those of the minimum and
// maximum times of the requests. The load tester's histograms are exact to 1 % and 1
// µs, and a percentile may be off by one rank.
func between(t *testing.T, what string, told time.Duration, least, most []time.Duration, percent float64) {
	t.Helper()
	rank := int(float64(len(least)) * percent / 100)
	low, high := least[min(max(rank-2, 0), len(least)-1)], most[min(rank+1, len(most)-1)]
	if float64(told) < 0.99*float64(low)-1e3 || float64(told) > 1.01*float64(high)+1e3 {
		t.Errorf("%s: p%g is reported as %v, but was between %v and %v", what, percent, told, low, high)
	}
}
