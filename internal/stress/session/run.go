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

// lookInterval is the time between two looks at a run: for its thresholds, its
// metrics, and whoever watches.
const lookInterval = time.Second

// Run runs the load test until it is over, [Session.Stop] is called or the
// context ends, and returns its report. Watch is called once a second meanwhile.
// It runs once.
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
	s.expose(s.Now(), s.live()) // what came in since the last look, too
	s.after(ctx)
	return s.Report(), nil
}

// begin makes the engine and the statistics of one run.
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
		s.end = "" // that of the step before, in a search for the capacity
	}
	if s.started.IsZero() {
		s.started = now
	}
	if s.stopping {
		run.Stop()
	}
	return nil
}

// drive lets the run run, and looks at it meanwhile.
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

// look is what is done once a second.
func (s *Session) look(warm *warmUp, watch func(result.Run, result.Now)) {
	s.warm(warm)
	if watch == nil && s.options.Metrics == nil && !s.settings.Abort {
		return // nobody reads the figures yet, and to sum them up takes a while
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

// full returns how long the load has been what was asked for.
func (s *Session) full(now result.Now) time.Duration {
	curve := s.plan.load.Curve
	if now.Elapsed < curve.Length() && !curve.Ends || !s.plan.load.Open && float64(now.Users) < now.Wanted {
		s.fullSince = now.Elapsed
	}
	return now.Elapsed - s.fullSince
}

// expose shows a Prometheus what the run does.
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

// close notes when and why the run has ended.
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

// Report returns the report as it stands; final once [Session.Run] has returned.
func (s *Session) Report() result.Run {
	s.mu.Lock()
	final := s.final
	s.mu.Unlock()
	if final != nil {
		return *final
	}
	return s.live()
}

// live returns the report of the engine's run as it stands.
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

// Now returns what the run is doing; zero before it has begun.
func (s *Session) Now() result.Now {
	s.mu.Lock()
	run := s.run
	s.mu.Unlock()
	if run == nil {
		return result.Now{}
	}
	return result.Now(run.Now())
}
