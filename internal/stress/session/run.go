package session

import (
	"context"
	"fmt"
	"runtime/debug"
	"slices"
	"time"

	"onsale/internal/stress"
	"onsale/internal/stress/metrics"
	"onsale/internal/stress/result"
	"onsale/internal/stress/stats"
	"onsale/internal/stress/verdict"
)

// lookInterval is the interval at which a run's thresholds and metrics are updated and
// watch is called.
const lookInterval = time.Second

// Run runs the load test until it is over, [Session.Stop] is called or the context
// ends, and returns its report. It calls watch once a second. A session can be run
// once.
func (s *Session) Run(ctx context.Context, watch func(result.Run, result.Now)) (result.Run, error) {
	if err := s.before(ctx); err != nil {
		return result.Run{}, err
	}
	if err := s.begin(s.plan.load, s.plan.runTime); err != nil {
		return result.Run{}, err
	}
	warm := newWarmUp(s.warmUp(), s.settings.ResetStats)
	if err := s.drive(ctx, warm, watch); err != nil {
		return result.Run{}, err
	}
	s.neverWarm(warm)
	s.expose(s.Now(), s.live()) // including what was counted since the last update
	s.after(ctx)
	return s.Report(), nil
}

// begin creates the engine and the statistics of one run.
func (s *Session) begin(load stress.Load, runTime time.Duration) error {
	now := time.Now()
	o := stats.Options{Start: now, Separate: load.Open || s.options.Source.paced()}
	if s.options.Metrics != nil {
		o.Observe = s.options.Metrics.Observe
	}
	recorder := stats.New(o)
	run, err := stress.New(stress.Options{
		Scenario: s.options.Source.Scenario, Load: load, RunTime: runTime, StopTimeout: s.plan.stopTimeout,
		Seed: s.settings.Seed, Worker: s.plan.worker, Workers: s.plan.workers,
		Connect: s.connect, Stats: recorder, Logger: s.log,
	})
	if err != nil {
		return fmt.Errorf("make run: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.run, s.stats, s.ended = run, recorder, time.Time{}
	if !s.stopping {
		s.end = "" // clear that of the previous step, in a search
	}
	if s.started.IsZero() {
		s.started = now
	}
	if s.stopping {
		run.Stop()
	}
	return nil
}

// drive runs the engine, and updates thresholds and metrics meanwhile.
func (s *Session) drive(ctx context.Context, warm *warmUp, watch func(result.Run, result.Now)) error {
	ended := make(chan error, 1)
	go func() {
		defer func() {
			if cause := recover(); cause != nil {
				s.log.Error("engine panicked", "panic", cause, "stack", string(debug.Stack()))
				s.run.Cut()
				ended <- fmt.Errorf("engine panicked: %v", cause)
			}
		}()
		ended <- s.run.Run(ctx)
	}()
	<-s.run.Begun()
	s.beginning.Do(func() { close(s.begun) })
	warm.timer.Reset(warm.after) // from the beginning of the load, so that it never fires too early
	ticker := time.NewTicker(lookInterval)
	defer ticker.Stop()
	defer warm.stop()
	for {
		select {
		case <-warm.timer.C:
			s.warm(warm)
		case <-ticker.C:
			s.look(warm, watch)
		case err := <-ended:
			s.close(ctx)
			return err
		}
	}
}

// look does what is done once a second.
func (s *Session) look(warm *warmUp, watch func(result.Run, result.Now)) {
	s.warm(warm)
	if watch == nil && s.options.Metrics == nil && !s.settings.Abort {
		return // nobody reads the figures yet, and computing them is expensive
	}
	now, r := s.Now(), s.Report()
	s.expose(now, r)
	if s.settings.Abort && s.search == nil {
		if crossed := verdict.Crossed(r.Stats, s.full(now), s.plan.thresholds); len(crossed) > 0 {
			s.stopFor(crossed[0].Expr + " was crossed")
		}
	}
	if watch != nil {
		watch(r, now)
	}
}

// full returns how long the load has been at its wanted level.
func (s *Session) full(now result.Now) time.Duration {
	curve := s.plan.load.Curve
	if now.Elapsed < curve.Length() && !curve.Ends || !s.plan.load.Open && float64(now.Users) < now.Wanted {
		s.fullSince = now.Elapsed
	}
	return now.Elapsed - s.fullSince
}

// expose updates the Prometheus metrics.
func (s *Session) expose(now result.Now, r result.Run) {
	if s.options.Metrics == nil {
		return
	}
	state := metrics.State{
		Users: now.Users, InFlight: now.InFlight, Due: r.Stats.Due, NotSent: r.Stats.NotSent, LateSeconds: r.Self.LateSeconds,
	}
	if s.plan.load.Open {
		state.RateWanted = now.Wanted
	} else {
		state.UsersWanted = now.Wanted
	}
	if n := len(r.Stats.Series); n > 0 {
		state.Lag, state.CPU = time.Duration(r.Stats.Series[n-1].Lag), r.Stats.Series[n-1].CPU
	}
	s.options.Metrics.Set(state)
}

// close records when and why the run ended.
func (s *Session) close(ctx context.Context) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = time.Now()
	if s.end == "" && ctx.Err() != nil {
		s.end = endStopped
	}
	if s.end == "" {
		s.end = endOver
	}
}

// Report returns the current report. After [Session.Run], it is final.
func (s *Session) Report() result.Run {
	s.mu.Lock()
	final := s.final
	s.mu.Unlock()
	if final != nil {
		return *final
	}
	return s.live()
}

// live returns the current report of the engine's run.
func (s *Session) live() result.Run {
	s.mu.Lock()
	run, recorder := s.run, s.stats
	r := result.Run{
		Schema: result.Schema, ID: s.id, Program: s.options.Program, Host: s.options.Target.String(), Settings: s.settings,
		Started: s.started, Ended: s.ended, End: s.end, Notes: slices.Clone(s.notes),
	}
	s.mu.Unlock()
	if run == nil {
		return r
	}
	at := r.Ended
	if at.IsZero() {
		at = time.Now()
	}
	r.Protocol, r.Stats, r.Self = run.Protocol(), recorder.Snapshot(at), run.Self()
	r.Verdict = verdict.Judge(r.Stats, r.Self, s.plan.thresholds)
	return r
}

// Now returns the state of the run; zero before it has begun.
func (s *Session) Now() result.Now {
	s.mu.Lock()
	run := s.run
	s.mu.Unlock()
	if run == nil {
		return result.Now{}
	}
	return result.Now(run.Now())
}
