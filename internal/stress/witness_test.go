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

// seen is a request as a witness saw it, by clocks that are not the tester's: when its task was due, when it was about to be
// sent and when its answer had been read; and when the server was done with it, if the server is [witness.serve].
type seen struct{ due, before, after, done time.Time }

// witness sees all requests of a run. What the tester says of each lies between two of the witness's moments, whatever the
// machine does, so that what it says in all can be held against them without a guess at how busy the machine is.
type witness struct {
	mu   sync.Mutex
	seen []*seen
}

// kind is a kind of users whose requests the witness sees. Each is also given to then, with its number, if there is one.
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

// serve lets the witness see when the server is done, as the last thing before it answers.
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

// times returns something of each request, in order of length.
func (w *witness) times(of func(s *seen) time.Duration) (times []time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.seen {
		times = append(times, of(s))
	}
	slices.Sort(times)
	return times
}

// between checks that a percentile that the tester tells of all requests lies between those of the times that are, request
// for request, at least and at most what the tester saw. Its histograms are exact to 1 % and 1 µs, and a percentile may be
// the one rank beside.
func between(t *testing.T, what string, told time.Duration, least, most []time.Duration, percent float64) {
	t.Helper()
	rank := int(float64(len(least)) * percent / 100)
	low, high := least[min(max(rank-2, 0), len(least)-1)], most[min(rank+1, len(most)-1)]
	if float64(told) < 0.99*float64(low)-1e3 || float64(told) > 1.01*float64(high)+1e3 {
		t.Errorf("%s: p%g is told to be %v, and was between %v and %v", what, percent, told, low, high)
	}
}
