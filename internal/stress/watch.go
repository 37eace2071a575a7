package stress

import (
	"sync/atomic"
	"time"

	"onsale/internal/stress/stats"
)

const (
	// tickInterval is the length of a point of the series.
	tickInterval = time.Second
	// beatInterval is that of the timer whose lateness shows that the tester is starved.
	beatInterval = 10 * time.Millisecond
)

// watcher looks at the run once a second.
type watcher struct {
	r    *Run
	load model
	last time.Time
	// atEnd is what stands beside the interval in which the run was stopped: those
	// who leave at once were there.
	atEnd atomic.Pointer[stats.Gauges]
	// done tells it to end, and gone that it has.
	done, gone chan struct{}
}

// watch begins to look, unless nobody wants it to.
func (r *Run) watch(load model) *watcher {
	_, began := r.current()
	w := &watcher{r: r, load: load, last: began, done: make(chan struct{}), gone: make(chan struct{})}
	if r.options.Unwatched {
		close(w.gone)
		return w
	}
	r.self.begin(began)
	go func() {
		defer close(w.gone)
		w.run()
	}()
	return w
}

// ending says that so many users are told to leave now, and that nobody begins another task.
func (w *watcher) ending(users int) {
	w.r.options.Stats.End(time.Now())
	w.r.mu.Lock()
	wanted := w.r.wanted(time.Since(w.r.began))
	w.r.mu.Unlock()
	w.atEnd.Store(&stats.Gauges{Users: users, Wanted: wanted, InFlight: int(w.r.inFlight.Load())})
}

// stop looks a last time.
func (w *watcher) stop() {
	close(w.done)
	<-w.gone
	if now := time.Now(); now.After(w.last) && !w.r.options.Unwatched {
		w.tick(now)
	}
}

// run ends each second.
func (w *watcher) run() {
	tick := w.last.Add(tickInterval)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		next := time.Now().Add(beatInterval)
		if tick.Before(next) {
			next = tick
		}
		timer.Reset(time.Until(next))
		select {
		case <-timer.C:
		case <-w.done:
			return
		}
		now := w.r.self.beat(next)
		if now.Before(tick) {
			continue
		}
		w.tick(now)
		// Points lie at whole seconds; those that were missed make this one longer.
		tick = tick.Add(now.Sub(tick).Truncate(tickInterval) + tickInterval)
	}
}

// tick ends a point of the series.
func (w *watcher) tick(now time.Time) {
	w.last = now
	lag, cpu := w.r.self.tick(now)
	g := w.atEnd.Swap(nil)
	if g == nil {
		state := w.r.Now()
		g = &stats.Gauges{Users: state.Users, Wanted: state.Wanted, InFlight: state.InFlight}
	}
	g.NotSent, g.Lag, g.CPU = w.r.notSent.Swap(0), lag, cpu
	point := w.r.options.Stats.Tick(now, *g)
	w.r.self.judge(time.Duration(point.P95))
	w.load.tidy(now)
}
