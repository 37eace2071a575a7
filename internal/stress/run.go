// Package stress is the engine of the load tester: users that come, do weighted
// tasks and leave, as many as a curve says (the closed model), or tasks that
// begin when they are due, however slow the target is (the open model).
//
// The engine knows no command line and no report: a [Run] records into package stats,
// watches itself, and can be changed while it runs. The packages
// below it are its parts: wire makes requests, stats counts them.
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
	// ErrRan is returned by a run that is to run a second time.
	ErrRan = errors.New("a run runs once")
	// ErrNotRunning is returned for changes of a run that has not begun, or that is over.
	ErrNotRunning = errors.New("the run has not begun, or is over")
	// errOutOfTime is why the context of tasks ends that have had their time to end.
	errOutOfTime = errors.New("the time for stopping is over")
)

// Options of a [Run].
type Options struct {
	Scenario *Scenario
	Load     Load
	// RunTime ends the run; 0 goes on until it is stopped or, where the curve ends, to its end.
	// A run time that is longer than the curve keeps its last value.
	RunTime time.Duration
	// StopTimeout is how long tasks under way may go on at the end. Requests that
	// have no answer then are failures of kind [stats.KindCutOff]: a target that hangs at
	// the end does not pass. With 0 they are cut off at once, and not counted.
	StopTimeout time.Duration
	// Seed makes the users' dice repeatable.
	Seed uint64
	// Worker counts from 0 to Workers-1 where several processes share the load; Workers 0 means 1.
	// The load is that of this worker alone: who splits it is [Load.Share].
	Worker, Workers int
	// Connect makes the connection of one user; nil where tasks make their calls by other means.
	Connect func() wire.Doer
	// Stats takes the samples and the points of the series.
	Stats *stats.Recorder
	// Unwatched leaves out the points of the series, and that the run watches itself: for a
	// closed model whose figures nobody reads.
	Unwatched bool
	// Logger hears of users who cannot start, and of tasks that panic; by default nobody does.
	Logger *slog.Logger
}

// Run is one run of a load test. It runs once. Its methods may be called at any time.
type Run struct {
	options Options
	log     *slog.Logger
	spread  spread
	self    *self
	// end is when it is over, since its start; 0 if it is not known.
	end time.Duration

	// users and inFlight are what Now tells; notSent counts since the last tick.
	users, inFlight, notSent atomic.Int64
	protocol                 atomic.Pointer[string]
	startFailed, panicked    sync.Once
	// changed wakes who follows the curve.
	changed chan struct{}
	// begun is closed when it begins.
	begun chan struct{}

	mu    sync.Mutex
	state state
	plan  plan
	began time.Time
	// leave makes users leave, and cut ends their tasks.
	leave context.CancelFunc
	cut   context.CancelCauseFunc
}

// state is how far a run has come.
type state int

const (
	ready state = iota
	running
	stopping
	over
)

// New returns a run that has yet to be run. An error names the option and the rule it breaks.
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
		return fmt.Errorf("run time must be between 0 and %d days, and is %v", MaxLength/(24*time.Hour), o.RunTime)
	case o.StopTimeout < 0:
		return fmt.Errorf("stop timeout must not be negative, and is %v", o.StopTimeout)
	case o.Workers > MaxWorkers:
		return fmt.Errorf("workers must be at most %d, and are %d", MaxWorkers, o.Workers)
	case o.Worker < 0 || o.Worker >= o.Workers:
		return fmt.Errorf("worker must be between 0 and %d, and is %d", o.Workers-1, o.Worker)
	}
	if err := o.Scenario.validate(); err != nil {
		return fmt.Errorf("scenario %s: %w", o.Scenario.Name, err)
	}
	if err := o.Load.Validate(); err != nil {
		return fmt.Errorf("load: %w", err)
	}
	return nil
}

// model is how load comes about.
type model interface {
	// run follows the plan until staying ends, and returns how many users there were then. Tasks begin under the first context.
	run(ctx, staying context.Context) (users int)
	// wait lets everybody leave, and waits until they are gone.
	wait()
	// tidy is called once a second.
	tidy(now time.Time)
}

// Run runs until the run time or the curve is over, [Run.Stop] is called or the context ends, and all users are gone. It
// returns nil then: what came of the requests stands in the statistics.
func (r *Run) Run(ctx context.Context) error {
	staying, leave := context.WithCancel(ctx)
	defer leave()
	// What is under way goes on when the context ends: Ctrl-C is a gentle stop.
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

// outOfTime returns why tasks are cut off at the end: nothing where they had no time.
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

// begin makes it a run that is running, or, if it was stopped before, one that is about to stop.
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

// Begun is closed when the run begins: from then on it can be changed.
func (r *Run) Begun() <-chan struct{} { return r.begun }

// reach goes on to a state, never back.
func (r *Run) reach(s state) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.state = max(r.state, s)
}

// Stop ends the run gently: nobody begins another task.
func (r *Run) Stop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.state = max(r.state, stopping)
	if r.leave != nil {
		r.leave()
	}
}

// Cut ends the run at once: tasks under way are cut off, and not counted.
func (r *Run) Cut() {
	r.Stop()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cut != nil {
		r.cut(nil)
	}
}

// Change sets the number of users, or of tasks a second in the open model, from now on, in place of what is left of the
// curve: so many a second come or go as the spawn rate says, or all at once with 0. Users are rounded down, as
// those of a share are ([Load.Share]). When
// the run is to end stays as it was. It returns [ErrNotRunning] before the start and after the end, and a
// [*field.Error] of users, rate or spawn_rate where a number breaks a rule.
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
	default: // whoever follows the curve is about to look anyway
	}
	return nil
}

// current returns the plan in force and when the run began.
func (r *Run) current() (p plan, began time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.plan, r.began
}

// Now is what a run is doing.
type Now struct {
	// Users are those who are there, those who are leaving too.
	Users int
	// Wanted is how many users, or tasks a second in the open model, there should be.
	Wanted float64
	// InFlight is how many tasks are under way.
	InFlight int
	Elapsed  time.Duration
	// Left is how long it still runs; negative if that is not known.
	Left time.Duration
	// Stopping says that users are leaving.
	Stopping bool
}

// Now returns what the run is doing.
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

// wanted returns how many users, or tasks a second, there should be; the lock is held.
func (r *Run) wanted(elapsed time.Duration) float64 {
	return r.options.Load.value(r.plan.at(elapsed))
}

// Reset forgets what was counted and what the tester saw of itself, together: what a
// warm-up was does not count, for the target or for the tester. See [stats.Recorder.Reset].
func (r *Run) Reset() {
	now := time.Now()
	r.self.reset(now)
	r.notSent.Store(0)
	r.options.Stats.Reset(now)
}

// Self returns what the tester saw of itself until now, since the run's start or its last reset.
func (r *Run) Self() stats.Self { return r.self.report() }

// Protocol names what was spoken with the target, such as HTTP/1.1; empty before the first answer.
func (r *Run) Protocol() string {
	if p := r.protocol.Load(); p != nil {
		return *p
	}
	return ""
}
