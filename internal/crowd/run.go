package crowd

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"sync"
	"time"

	"onsale/internal/stress"
	"onsale/internal/stress/stats"
)

const (
	// A user waits between minPause and maxPause between two tasks, uniformly
	// distributed.
	minPause = time.Second
	maxPause = 3 * time.Second
	// patience is how long the users of a previous scenario may take to stop. The
	// client's timeout ends their calls earlier.
	patience = 5 * time.Minute
)

// Run runs the users until the context ends, cancels their calls, waits until all
// have stopped, and returns nil. It must not be called concurrently.
func (c *Crowd) Run(ctx context.Context) error {
	var all sync.WaitGroup
	defer all.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	all.Go(func() { c.guarded(func() { c.keep(ctx) }) })

	s := stage{crowd: c, all: &all}
	for ctx.Err() == nil {
		if err := s.adjust(ctx, c.current()); err != nil {
			return err
		}
		select {
		case <-c.changed:
		case <-ctx.Done():
		}
	}
	return nil
}

// guarded calls do and recovers from panics. A panic ends only this goroutine,
// because the process also sells tickets.
func (c *Crowd) guarded(do func()) {
	defer func() {
		if cause := recover(); cause != nil {
			c.log.Error("crowd panicked", "panic", cause, "stack", string(debug.Stack()))
		}
	}()
	do()
}

// stage is the state of Run between two changes of the settings.
type stage struct {
	crowd *Crowd
	all   *sync.WaitGroup
	// run is the current run of users, and scenario their scenario.
	run      *stress.Run
	scenario string
	// runs counts all runs. Each has its own random seed.
	runs uint64
}

// adjust applies the settings to the users. For another scenario it starts new
// users, while the previous ones stop in the background.
func (s *stage) adjust(ctx context.Context, want Settings) error {
	if s.run != nil {
		// A run that has not started yet cannot be changed, so another one replaces it.
		if s.scenario == want.Scenario && s.run.Change(float64(want.Users), 0) == nil {
			return nil
		}
		s.run.Stop()
	}
	run, err := stress.New(stress.Options{
		Scenario: s.crowd.play(want.Scenario), Load: stress.Load{Curve: stress.Flat(float64(want.Users))},
		StopTimeout: patience, Seed: s.crowd.seed + s.runs,
		// The crowd has its own counts and needs no measurements of the engine.
		Stats: stats.New(stats.Options{Off: true}), Unwatched: true,
		Logger: s.crowd.log,
	})
	if err != nil {
		return fmt.Errorf("create users: %w", err)
	}
	s.run, s.scenario, s.runs = run, want.Scenario, s.runs+1
	s.all.Go(func() {
		defer context.AfterFunc(ctx, run.Cut)()
		defer run.Cut() // otherwise, the users of an engine that panicked would not stop
		s.crowd.guarded(func() {
			_ = run.Run(ctx) // its only error is a second run
		})
	})
	return nil
}

// visitor is the behaviour of one user.
type visitor interface {
	tasks() []stress.Task
	// leave cleans up after the user.
	leave(ctx context.Context)
}

// play returns a scenario for the engine. The engine starts the kinds of users in
// turn: for tickets, the second of every five users makes item calls. So two users
// are enough to have both kinds.
func (c *Crowd) play(scenario string) *stress.Scenario {
	collector := c.kind("collector", func(u *stress.User) visitor { return c.newCollector(u) })
	if scenario == Items {
		return &stress.Scenario{Name: scenario, Kinds: []stress.Kind{collector}}
	}
	buyer := c.kind("buyer", func(u *stress.User) visitor { return c.newBuyer(u, scenario == TicketsRandomDeny) })
	return &stress.Scenario{Name: scenario, Kinds: []stress.Kind{buyer, collector, buyer, buyer, buyer}}
}

// kind returns a kind of users for the engine. All kinds have the same weight, so
// the engine starts them in their order.
func (c *Crowd) kind(name string, join func(u *stress.User) visitor) stress.Kind {
	return stress.Kind{
		Name: name, Weight: 1, Wait: stress.Between(minPause, maxPause),
		Join: func(u *stress.User) stress.Part {
			v := join(u)
			return stress.Part{
				Start: func(ctx context.Context) error { return c.arrive(ctx, u.Rand) },
				Tasks: v.tasks(),
				Stop: func(ctx context.Context) {
					defer c.depart()
					v.leave(ctx)
				},
			}
		},
	}
}

// arrive waits until fewer than MaxUsers users run, because others may still be
// stopping. Then it waits a random first pause, so users that start together do not
// call at the same time. It returns the error of the context.
func (c *Crowd) arrive(ctx context.Context, dice *rand.Rand) error {
	select {
	case c.places <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	if !wait(ctx, upTo(dice, maxPause)) {
		c.depart()
		return ctx.Err()
	}
	return nil
}

func (c *Crowd) depart() { <-c.places }

// present returns the number of running users, including those that are stopping.
func (c *Crowd) present() int { return len(c.places) }

// upTo returns a random duration between 0 and the limit, uniformly distributed.
func upTo(dice *rand.Rand, limit time.Duration) time.Duration {
	return time.Duration(dice.Int64N(int64(limit) + 1))
}

// wait waits for d and reports whether it did so without the context ending.
func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}
