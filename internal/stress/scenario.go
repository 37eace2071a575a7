package stress

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"
)

// Scenario is what users do, as a value.
type Scenario struct {
	// Name is what --scenario says, and Summary one line about it.
	Name, Summary string
	// Kinds are the kinds of users; how many there are of each follows their weights.
	Kinds []Kind
	// SpawnAtOnce brings all users in at second 0 unless a spawn rate is asked for.
	SpawnAtOnce bool
}

// Kind is a kind of users.
type Kind struct {
	Name string
	// Weight is this kind's share among all, at least 1.
	Weight int
	// Wait is what a user waits between two tasks; nil is not at all. In the open model it is
	// not used: arrivals say when a task begins.
	Wait Wait
	// Join makes what one user does. What the user remembers stands in what Join
	// returns, so that nothing is shared.
	Join func(u *User) Part
}

// Limits of a scenario.
const (
	// maxKinds bounds the kinds of users.
	maxKinds = 100
	// maxWeight bounds the weight of a kind: users are spread over rounds as long as all weights together.
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
	// Start runs once, before the first task; nil does nothing. An error lets
	// the user wait and start anew. In the closed model its context ends when the
	// user is to leave.
	Start func(ctx context.Context) error
	// Tasks are chosen by their weights.
	Tasks []Task
	// Stop runs when the user leaves; nil does nothing. Its context ends after a
	// short time.
	Stop func(ctx context.Context)
}

// Task is one thing that a user does: one request, or several.
type Task struct {
	// Weight is the task's share among the user's, at least 1.
	Weight int
	// Do does it once, and ends with its context. What came of the requests, they record themselves. A panic is a
	// failure of kind [stats.KindTask] under the name of the kind of users, and the user goes on.
	Do func(ctx context.Context)
}

// Wait says when a user's next task is due, given when the last one was due and
// when it ended. Late says that the moment is one to measure from: where a
// pace sets the moment, a target that is slow makes the next task late, and that
// lateness is part of its response time.
type Wait func(dice *rand.Rand, due, ended time.Time) (next time.Time, late bool)

// Constant waits that long after each task.
func Constant(d time.Duration) Wait {
	return func(_ *rand.Rand, _, ended time.Time) (time.Time, bool) { return ended.Add(d), false }
}

// Between waits a time between least and most after each task, uniformly.
func Between(least, most time.Duration) Wait {
	return func(dice *rand.Rand, _, ended time.Time) (time.Time, bool) {
		return ended.Add(least + time.Duration(dice.Int64N(int64(most-least)+1))), false
	}
}

// Pacing begins a task each d, however long the last one took; one that took
// longer makes the next late.
func Pacing(d time.Duration) Wait {
	return func(_ *rand.Rand, due, _ time.Time) (time.Time, bool) { return due.Add(d), true }
}
