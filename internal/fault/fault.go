// Package fault holds what goes wrong on purpose: the [Plan] says what, as
// data, and the [Injector] makes it happen.
//
// A plan delays, denies, fails, hangs or resets calls route by route, slows the
// database down, burns CPU, holds memory, makes the service not ready or its
// metrics unavailable, and ends the process. The plan lives in a [Store] that all
// replicas share; every replica applies a new one within 2 s. Each fault may last
// for a time and then ends by itself.
//
// The package knows no HTTP and no SQL: the server asks [Injector.Route] before
// it handles a call, the stores ask [Injector.Database] before a transaction.
package fault

import (
	"context"
	"errors"
	"time"
)

// What [Injector.Route] and [Injector.Database] answer when a fault strikes.
var (
	// ErrDenied: the plan denies this purchase.
	ErrDenied = errors.New("denied by the fault plan")
	// ErrInjected: the plan makes this call fail.
	ErrInjected = errors.New("failed by the fault plan")
	// ErrReset: the plan resets the connection of this call.
	ErrReset = errors.New("connection reset by the fault plan")
	// ErrMalformed is inside the [*PlanError] of a plan that is not JSON at all.
	ErrMalformed = errors.New("malformed JSON")
	// ErrChanged: the stored plan is no longer the one that was to be changed.
	ErrChanged = errors.New("the fault plan was changed by somebody else meanwhile")
)

// Replica is a replica that was heard of lately.
type Replica struct {
	ID string
	// Version is the version of the plan that the replica has applied.
	Version int64
	// SeenAgo is the time since its last heartbeat, by the database's clock.
	SeenAgo time.Duration
}

// What a [Store] knows of replicas, by how long they have been silent.
const (
	// ReplicaSilence is after how long a replica is not listed any more.
	ReplicaSilence = 15 * time.Second
	// ReplicaForgotten is after how long nothing is kept of it.
	ReplicaForgotten = time.Hour
)

// Store keeps the plan so that all replicas share it. Implementations are safe
// for concurrent use, and never ask [Injector.Database] on behalf of these
// calls: a plan must not stand in the way of the next one.
//
// Every method may return the store's own errors, wrapped, and the context's.
type Store interface {
	// LoadPlan returns the stored plan; Version 0 when none is stored yet.
	LoadPlan(ctx context.Context) (State, error)
	// SavePlan stores the plan under the next version.
	SavePlan(ctx context.Context, p Plan) (State, error)
	// SwapPlan stores plan and beginnings of next in the place of the version before
	// next.Version, of which it leaves the age; with version 1 it stores the first
	// plan there is. [ErrChanged]: another version is stored.
	SwapPlan(ctx context.Context, next State) (State, error)
	// Heartbeat says that the replica lives and has applied a version. It
	// forgets replicas that were silent for over an hour.
	Heartbeat(ctx context.Context, replica string, version int64) error
	// Replicas lists the replicas heard of within the last 15 s.
	Replicas(ctx context.Context) ([]Replica, error)
}
