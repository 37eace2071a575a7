package stress_test

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"onsale/internal/stress"
	"onsale/internal/stress/wire"
)

// diary records what each user did.
type diary struct {
	mu    sync.Mutex
	pages map[int][]string
}

func (d *diary) kind(start time.Time) stress.Kind {
	return stress.Kind{Name: "writer", Weight: 1, Wait: stress.Between(time.Second, 3*time.Second), Join: func(u *stress.User) stress.Part {
		task := func(name string, weight int) stress.Task {
			call := &stress.Call{Name: name, Request: wire.Request{Method: "GET", Path: "/" + name}}
			return stress.Task{Weight: weight, Do: func(ctx context.Context) {
				d.mu.Lock()
				d.pages[u.Index] = append(d.pages[u.Index], fmt.Sprint(name, u.Rand.IntN(1000), " ", time.Since(start)))
				d.mu.Unlock()
				u.Do(ctx, call)
			}}
		}
		return stress.Part{Tasks: []stress.Task{task("look", 3), task("buy", 1)}}
	}}
}

// TestTheSameSeedRepeatsEachUser: the same seed repeats tasks, waits and data, to the
// nanosecond.
func TestTheSameSeedRepeatsEachUser(t *testing.T) {
	t.Parallel()
	write := func(seed uint64, worker, workers int) (pages map[int][]string) {
		synctest.Test(t, func(t *testing.T) {
			d := diary{pages: map[int][]string{}}
			o := options(users(20/max(workers, 1)), 5*time.Minute, takes(30*time.Millisecond), d.kind(time.Now()))
			o.Seed, o.Worker, o.Workers = seed, worker, workers
			play(t, o)
			pages = d.pages
		})
		return pages
	}
	first := write(7, 0, 0)
	if len(first) != 20 || len(first[19]) < 100 {
		t.Fatalf("%d users, %d tasks of the last", len(first), len(first[19]))
	}
	if !reflect.DeepEqual(first, write(7, 0, 1)) {
		t.Error("the same seed gave a different run")
	}
	if other := write(8, 0, 0); reflect.DeepEqual(first[0], other[0]) || reflect.DeepEqual(first[0], first[1]) {
		t.Error("another seed, or another user, gave the same run")
	}
	both := write(7, 0, 2)
	maps.Copy(both, write(7, 1, 2))
	if !reflect.DeepEqual(first, both) {
		t.Error("two workers did not do the same as one")
	}
}

// TestWeightsAndWaitsAreWhatTheySay: a chi-square test of the weights, and a
// Kolmogorov-Smirnov test of the waits, both at 0.1 %.
func TestWeightsAndWaitsAreWhatTheySay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := diary{pages: map[int][]string{}}
		target := takes(0)
		o := options(users(1), 8*time.Hour, target, d.kind(time.Now()))
		o.Unwatched = true
		play(t, o)
		looks, buys := float64(len(target.begins["/look"])), float64(len(target.begins["/buy"]))
		sum := looks + buys
		chi := (looks-sum*3/4)*(looks-sum*3/4)/(sum*3/4) + (buys-sum/4)*(buys-sum/4)/(sum/4)
		if sum < 10_000 || chi > 10.83 {
			t.Errorf("%g visits to %g purchases, chi-square %g", looks, buys, chi)
		}
		begins := target.all()
		slices.Sort(begins)
		var waits []float64
		for i, at := range begins[1:] {
			waits = append(waits, (at - begins[i]).Seconds())
		}
		if far := distance(waits, func(x float64) float64 { return min(max((x-1)/2, 0), 1) }); far > limit(len(waits)) {
			t.Errorf("%d waits have the distance %g from uniform, limit %g", len(waits), far, limit(len(waits)))
		}
		// The negative control: the same test detects another distribution.
		if far := distance(waits, func(x float64) float64 { return min(max((x-1)/2.1, 0), 1) }); far < limit(len(waits)) {
			t.Errorf("waits up to 3 s look like waits up to 3.1 s")
		}
	})
}
