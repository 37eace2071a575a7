package stress

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"
)

// Scenario is what users do.
type Scenario struct {
	// Name is the scenario's name for --scenario, and Summary one line about it.
	Name, Summary string
	// Kinds are the kinds of users. Their weights decide how many users are of each
	// kind.
	Kinds []Kind
	// SpawnAtOnce starts all users at once, unless the load has a spawn rate.
	SpawnAtOnce bool
}

// Kind is a kind of users.
type Kind struct {
	Name string
	// Weight is this kind's share of all users, at least 1.
	Weight int
	// Wait is the wait between two tasks; nil does not wait. The open model ignores it.
	Wait Wait
	// Join returns what one user does. The state of the user belongs into what Join
	// returns, so that users share nothing.
	Join func(u *User) Part
}

// Limits of a scenario.
const (
	// maxKinds limits the number of kinds of users.
	maxKinds = 100
	// maxWeight limits the weight of a kind: users are spread over rounds whose length
	// is the sum of all weights.
	maxWeight = 1000
)

func (s *Scenario) validate() error {
	if len(s.Kinds) == 0 || len(s.Kinds) > maxKinds {
		return fmt.Errorf("there must be 1 to %d kinds of users, not %d", maxKinds, len(s.Kinds))
	}
	for _, k := range s.Kinds {
		if k.Weight < 1 || k.Weight > maxWeight {
			return fmt.Errorf("users %s: the weight must be between 1 and %d, not %d", k.Name, maxWeight, k.Weight)
		}
		if k.Join == nil {
			return fmt.Errorf("users %s do nothing", k.Name)
		}
	}
	return nil
}

// Part is what one user does.
type Part struct {
	// Start runs once, before the first task; nil does nothing. After an error, the
	// user waits and starts again. In the closed model, the context ends when the user
	// is to stop.
	Start func(ctx context.Context) error
	// Tasks are chosen at random, by their weights.
	Tasks []Task
	// Stop runs when the user stops; nil does nothing. Its context ends after 2 s.
	Stop func(ctx context.Context)
}

// Task is one thing that a user does: one request, or several.
type Task struct {
	// Weight is the task's share of the user's tasks, at least 1.
	Weight int
	// Do performs the task and returns early when its context ends. The task records
	// the outcome of its requests itself. A panic counts as a failure of kind
	// [stats.KindTask] under the name of the kind of users, and the user continues.
	Do func(ctx context.Context)
}

// Wait returns when a user's next task is due, given when the last one was due and when
// it ended. If late is set, the response time counts from that moment: where the
// scenario sets the pace, a slow target delays the next task, and the delay is part of
// its response time.
type Wait func(random *rand.Rand, due, ended time.Time) (next time.Time, late bool)

// Constant waits for a time after each task.
func Constant(d time.Duration) Wait {
	return func(_ *rand.Rand, _, ended time.Time) (time.Time, bool) { return ended.Add(d), false }
}

// Between waits for a random time between least and most after each task, uniformly
// distributed.
func Between(least, most time.Duration) Wait {
	return func(random *rand.Rand, _, ended time.Time) (time.Time, bool) {
		return ended.Add(least + time.Duration(random.Int64N(int64(most-least)+1))), false
	}
}

// Pacing begins a task every d, however long the last one took. A task that takes
// longer delays the next one.
func Pacing(d time.Duration) Wait {
	return func(_ *rand.Rand, due, _ time.Time) (time.Time, bool) { return due.Add(d), true }
}
