// Package stress is the engine of the load tester. In the closed model, users start,
// perform weighted tasks and stop, as many as a curve says. In the open model, tasks
// begin when they are due, however slow the target is.
//
// The engine does not read flags or write reports. A [Run] records into package stats,
// monitors itself, and can be changed while it runs. Package wire sends the requests,
// package stats counts them.
package stress

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"onsale/internal/stress/stats"
	"onsale/internal/stress/wire"
)

// Errors of a [Run].
var (
	// ErrRan is returned if a run is started a second time.
	ErrRan = errors.New("the run was started before")
	// ErrNotRunning is returned if a run is changed before its start or after its end.
	ErrNotRunning = errors.New("the run has not begun, or is over")
	// errOutOfTime is the cause with which the context of tasks ends after the stop
	// timeout.
	errOutOfTime = errors.New("the time for stopping is over")
)

// Options of a [Run].
type Options struct {
	Scenario *Scenario
	Load     Load
	// RunTime ends the run. With 0, the run ends when it is stopped or, if the curve
	// ends, with the curve. If the run time is longer than the curve, the last value
	// continues.
	RunTime time.Duration
	// StopTimeout is how long tasks under way can continue at the end. Requests without
	// an answer by then are failures of kind [stats.KindCutOff], so that a target that
	// hangs at the end does not pass. With 0, tasks are cut off at once and not
	// counted.
	StopTimeout time.Duration
	// Seed is the random seed of the users.
	Seed uint64
	// Worker counts from 0 to Workers-1 if several processes share the load; Workers 0
	// means 1. Load is the share of this worker alone: see [Load.Share].
	Worker, Workers int
	// Connect makes the connection of one user; nil if tasks send their requests by
	// other means.
	Connect func() wire.Doer
	// Stats records the samples and the points of the series.
	Stats *stats.Recorder
	// Unwatched turns off the points of the series and the monitoring of the load
	// tester itself, for a closed model whose figures nobody reads.
	Unwatched bool
	// Logger logs users that fail to start and tasks that panic; nil logs nothing.
	Logger *slog.Logger
}

// Run is one run of a load test. It can be run once. It is safe for concurrent use.
type Run struct {
	options Options
	log     *slog.Logger
	spread  spread
	self    *self
	// end is the length of the run; 0 if it is unknown.
	end time.Duration

	// users and inFlight are reported by Now. notSent counts since the last tick.
	users, inFlight, notSent atomic.Int64
	protocol                 atomic.Pointer[string]
	startFailed, panicked    sync.Once
	// changed wakes the model after a change of the plan.
	changed chan struct{}
	// begun is closed when the run begins.
	begun chan struct{}

	mu    sync.Mutex
	state state
	plan  plan
	began time.Time
	// leave stops the users, and cut ends their tasks.
	leave context.CancelFunc
	cut   context.CancelCauseFunc
}

// state is the state of a run.
type state int

const (
	ready state = iota
	running
	stopping
	over
)

// New returns a run. Call [Run.Run] to run it. An error names the option and the rule
// it breaks.
func New(o Options) (*Run, error) {
	if o.Workers == 0 {
		o.Workers = 1
	}
	if err := o.validate(); err != nil {
		return nil, err
	}
	if o.Connect == nil {
		o.Connect = func() wire.Doer { return nobody{} }
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	r := &Run{
		options: o, log: o.Logger.With("component", "stress"), spread: newSpread(o.Scenario.Kinds),
		self: newSelf(o.Load.Open), end: o.RunTime, changed: make(chan struct{}, 1), begun: make(chan struct{}), plan: plan{curve: o.Load.Curve},
	}
	if o.RunTime > 0 {
		r.plan.curve.Ends = false
	} else if o.Load.Curve.Ends {
		r.end = o.Load.Curve.Length()
	}
	return r, nil
}

func (o *Options) validate() error {
	switch {
	case o.Scenario == nil:
		return errors.New("scenario must be given")
	case o.Stats == nil:
		return errors.New("stats must be given")
	case o.RunTime < 0 || o.RunTime > MaxLength:
		return fmt.Errorf("run time must be between 0 and %d days, not %v", MaxLength/(24*time.Hour), o.RunTime)
	case o.StopTimeout < 0:
		return fmt.Errorf("stop timeout must not be negative, but is %v", o.StopTimeout)
	case o.Workers > MaxWorkers:
		return fmt.Errorf("workers must be at most %d, not %d", MaxWorkers, o.Workers)
	case o.Worker < 0 || o.Worker >= o.Workers:
		return fmt.Errorf("worker must be between 0 and %d, not %d", o.Workers-1, o.Worker)
	}
	if err := o.Scenario.validate(); err != nil {
		return fmt.Errorf("scenario %s: %w", o.Scenario.Name, err)
	}
	if err := o.Load.Validate(); err != nil {
		return fmt.Errorf("load: %w", err)
	}
	return nil
}

// model generates the load.
type model interface {
	// run follows the plan until staying ends, and returns the number of users at that
	// moment. Tasks run under the first context.
	run(ctx, staying context.Context) (users int)
	// wait stops all users, and waits until they have stopped.
	wait()
	// tidy is called once a second.
	tidy(now time.Time)
}

// Run runs the load until the run time or the curve is over, [Run.Stop] is called or
// the context ends, and waits until all users have stopped. Failed requests are not
// errors: the statistics have them.
func (r *Run) Run(ctx context.Context) error {
	staying, leave := context.WithCancel(ctx)
	defer leave()
	// Tasks under way continue when the context ends, so that Ctrl-C stops the run
	// gently.
	working, cut := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cut(nil)
	if err := r.begin(leave, cut); err != nil {
		return err
	}
	unfollow := context.AfterFunc(staying, func() { r.reach(stopping) })
	defer unfollow()
	if r.end > 0 {
		defer time.AfterFunc(r.end, leave).Stop()
	}

	load := r.model()
	w := r.watch(load)
	users := load.run(working, staying)
	w.ending(users)
	grace := time.AfterFunc(r.options.StopTimeout, func() { cut(r.outOfTime()) })
	defer grace.Stop()
	load.wait()
	w.stop()
	r.reach(over)
	return nil
}

// outOfTime returns the cause with which tasks are cut off at the end; nil without a
// stop timeout.
func (r *Run) outOfTime() error {
	if r.options.StopTimeout > 0 {
		return errOutOfTime
	}
	return nil
}

func (r *Run) model() model {
	if r.options.Load.Open {
		return newOpen(r)
	}
	return newClosed(r)
}

// begin moves the run to running, or keeps it stopping if it was stopped before.
func (r *Run) begin(leave context.CancelFunc, cut context.CancelCauseFunc) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.leave != nil {
		return ErrRan
	}
	r.leave, r.cut, r.began = leave, cut, time.Now()
	if r.state == stopping {
		leave()
	} else {
		r.state = running
	}
	close(r.begun)
	return nil
}

// Begun returns a channel that is closed when the run begins. From then on, the run can
// be changed.
func (r *Run) Begun() <-chan struct{} { return r.begun }

// reach moves the run forward to a state, never back.
func (r *Run) reach(s state) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.state = max(r.state, s)
}

// Stop ends the run gently: no new task begins.
func (r *Run) Stop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.state = max(r.state, stopping)
	if r.leave != nil {
		r.leave()
	}
}

// Cut ends the run at once: tasks under way are cut off and not counted.
func (r *Run) Cut() {
	r.Stop()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cut != nil {
		r.cut(nil)
	}
}

// Change sets the number of users, or of tasks a second in the open model, and replaces
// the rest of the curve. SpawnRate is how many start or stop per second; 0 changes the
// load at once. Users are rounded down, like those of a share ([Load.Share]). The end
// of the run does not change.
//
// It returns [ErrNotRunning] before the start and after the end, and a [*field.Error]
// of users, rate or spawn_rate if a number breaks a rule.
func (r *Run) Change(to, spawnRate float64) error {
	if err := r.options.Load.limit(1).check(to, ""); err != nil {
		return err
	}
	if err := CheckSpawnRate(spawnRate); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.state != running {
		return ErrNotRunning
	}
	r.plan = r.plan.change(time.Since(r.began), to, spawnRate)
	select {
	case r.changed <- struct{}{}:
	default: // a wake-up is pending already
	}
	return nil
}

// current returns the current plan and the start of the run.
func (r *Run) current() (p plan, began time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.plan, r.began
}

// Now is the state of a run.
type Now struct {
	// Users is the number of running users, including those that are stopping.
	Users int
	// Wanted is the wanted number of users; in the open model, of tasks a second.
	Wanted float64
	// InFlight is the number of tasks under way.
	InFlight int
	Elapsed  time.Duration
	// Left is the time until the run ends; negative if that is unknown.
	Left time.Duration
	// Stopping is set once users are being stopped.
	Stopping bool
}

// Now returns the state of the run.
func (r *Run) Now() Now {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := Now{Users: int(r.users.Load()), InFlight: int(r.inFlight.Load()), Stopping: r.state >= stopping, Left: -1}
	if !r.began.IsZero() {
		now.Elapsed = time.Since(r.began)
	}
	if r.end > 0 {
		now.Left = max(r.end-now.Elapsed, 0)
	}
	if now.Stopping {
		now.Left = 0
	} else {
		now.Wanted = r.wanted(now.Elapsed)
	}
	return now
}

// wanted returns the wanted number of users, or of tasks a second. The caller holds the
// lock.
func (r *Run) wanted(elapsed time.Duration) float64 {
	return r.options.Load.value(r.plan.at(elapsed))
}

// Reset discards all figures so far, those of the target and those of the load tester
// itself, so that a warm-up counts for neither. See [stats.Recorder.Reset].
func (r *Run) Reset() {
	now := time.Now()
	r.self.reset(now)
	r.notSent.Store(0)
	r.options.Stats.Reset(now)
}

// Self returns how the load tester itself performed since the start or the last reset.
func (r *Run) Self() stats.Self { return r.self.report() }

// Protocol returns the protocol of the connections, such as HTTP/1.1; empty before the
// first answer.
func (r *Run) Protocol() string {
	if p := r.protocol.Load(); p != nil {
		return *p
	}
	return ""
}
