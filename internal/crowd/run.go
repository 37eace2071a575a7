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
	// minPause and maxPause bound what a user waits between two tasks; the wait
	// is uniform between them.
	minPause = time.Second
	maxPause = 3 * time.Second
	// patience is how long users may take to leave who play another scenario
	// than the settings say now. Their calls end before that, by the time-out of the
	// client.
	patience = 5 * time.Minute
)

// Run runs the crowd until the context ends and all users are gone, and then
// returns nil. Calls in flight are cut off then. It must not run twice at a time.
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

// guarded calls a function of a goroutine of the crowd. A panic ends that goroutine
// alone, because the process sells tickets as well.
func (c *Crowd) guarded(do func()) {
	defer func() {
		if cause := recover(); cause != nil {
			c.log.Error("crowd panicked", "panic", cause, "stack", string(debug.Stack()))
		}
	}()
	do()
}

// stage is what Run remembers from one change to the next.
type stage struct {
	crowd *Crowd
	all   *sync.WaitGroup
	// run are the users who are here, and scenario what they play.
	run      *stress.Run
	scenario string
	// runs counts all there were: each has dice of its own.
	runs uint64
}

// adjust makes the users those that the settings ask for. Another scenario is
// played by other users, while the ones before take their time to leave.
func (s *stage) adjust(ctx context.Context, want Settings) error {
	if s.run != nil {
		// A run that has yet to begin cannot be changed, and makes room for another.
		if s.scenario == want.Scenario && s.run.Change(float64(want.Users), 0) == nil {
			return nil
		}
		s.run.Stop()
	}
	run, err := stress.New(stress.Options{
		Scenario: s.crowd.play(want.Scenario), Load: stress.Load{Curve: stress.Flat(float64(want.Users))},
		StopTimeout: patience, Seed: s.crowd.seed + s.runs,
		// The crowd keeps its own tally, all day, and measures nobody.
		Stats: stats.New(stats.Options{Off: true}), Unwatched: true,
		Logger: s.crowd.log,
	})
	if err != nil {
		return fmt.Errorf("make users: %w", err)
	}
	s.run, s.scenario, s.runs = run, want.Scenario, s.runs+1
	s.all.Go(func() {
		defer context.AfterFunc(ctx, run.Cut)()
		defer run.Cut() // nobody else ends the users of an engine that panicked
		s.crowd.guarded(func() {
			_ = run.Run(ctx) // it was never run before, which is the only error there is
		})
	})
	return nil
}

// visitor is what one user does.
type visitor interface {
	tasks() []stress.Task
	// leave tidies up what the user would leave behind.
	leave(ctx context.Context)
}

// play returns a scenario for the engine, whose kinds of users come in turn: with
// tickets, the second of each five makes item calls, so that two users are enough to
// have one of each kind.
func (c *Crowd) play(scenario string) *stress.Scenario {
	collector := c.kind("collector", func(u *stress.User) visitor { return c.newCollector(u) })
	if scenario == Items {
		return &stress.Scenario{Name: scenario, Kinds: []stress.Kind{collector}}
	}
	buyer := c.kind("buyer", func(u *stress.User) visitor { return c.newBuyer(u, scenario == TicketsRandomDeny) })
	return &stress.Scenario{Name: scenario, Kinds: []stress.Kind{buyer, collector, buyer, buyer, buyer}}
}

// kind returns a kind of users for the engine. All have the same weight, which lets the
// engine take them in their order.
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

// arrive waits until there is room, while others take their time to leave, and
// a first pause, so that users who come together do not all knock at once. An error
// is that of the context.
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

// present counts the users that are there, those who are leaving too.
func (c *Crowd) present() int { return len(c.places) }

// upTo dices a time between 0 and the limit, uniformly.
func upTo(dice *rand.Rand, limit time.Duration) time.Duration {
	return time.Duration(dice.Int64N(int64(limit) + 1))
}

// wait waits, and reports whether it did so to the end.
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
