package stress

import (
	"sync/atomic"
	"time"

	"onsale/internal/stress/stats"
)

const (
	// tickInterval is the length of a point of the series.
	tickInterval = time.Second
	// beatInterval is the interval of the timer whose lag shows that the tester gets
	// too little CPU time.
	beatInterval = 10 * time.Millisecond
)

// watcher records a point of the series once a second.
type watcher struct {
	r    *Run
	load model
	last time.Time
	// atEnd has the gauges of the interval in which the run was stopped, because users
	// that stop at once are no longer counted at its end.
	atEnd atomic.Pointer[stats.Gauges]
	// done ends the watcher, and gone is closed when it has ended.
	done, gone chan struct{}
}

// watch starts a watcher, unless the run is unwatched.
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

// ending records that users are stopped now, and that no new task begins.
func (w *watcher) ending(users int) {
	w.r.options.Stats.End(time.Now())
	w.r.mu.Lock()
	wanted := w.r.wanted(time.Since(w.r.began))
	w.r.mu.Unlock()
	w.atEnd.Store(&stats.Gauges{Users: users, Wanted: wanted, InFlight: int(w.r.inFlight.Load())})
}

// stop ends the watcher and records the last point.
func (w *watcher) stop() {
	close(w.done)
	<-w.gone
	if now := time.Now(); now.After(w.last) && !w.r.options.Unwatched {
		w.tick(now)
	}
}

// run records a point each second.
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
		// Points end at whole seconds. Missed ones make this point longer.
		tick = tick.Add(now.Sub(tick).Truncate(tickInterval) + tickInterval)
	}
}

// tick records a point of the series.
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
