// Package fault injects faults: the [Plan] describes them as data, and the
// [Injector] applies them.
//
// A plan can delay, deny, fail, hang or reset calls of each route, slow down the
// database, burn CPU, hold memory, make the service not ready or its metrics
// unavailable, and end the process. The plan is in a [Store] that all replicas
// share, and every replica applies a new plan within 2 s. Each fault may have a
// duration, after which it ends by itself.
//
// The package does not depend on HTTP or SQL. The server calls [Injector.Route]
// before it handles a call, and the stores call [Injector.Database] before a
// transaction.
package fault

import (
	"context"
	"errors"
	"time"
)

// Errors of this package. [Injector.Route] and [Injector.Database] return the first
// three when a fault affects a call.
var (
	// ErrDenied: the plan denies this purchase.
	ErrDenied = errors.New("denied by the fault plan")
	// ErrInjected: the plan makes this call fail.
	ErrInjected = errors.New("failed by the fault plan")
	// ErrReset: the plan resets the connection of this call.
	ErrReset = errors.New("connection reset by the fault plan")
	// ErrMalformed is wrapped by the [*PlanError] of a plan that is not valid JSON.
	ErrMalformed = errors.New("malformed JSON")
	// ErrChanged: the stored plan has another version than the one to change.
	ErrChanged = errors.New("the stored fault plan has changed meanwhile")
)

// Replica is a replica with a recent heartbeat.
type Replica struct {
	ID string
	// Version is the version of the plan that the replica has applied.
	Version int64
	// SeenAgo is the time since its last heartbeat, by the database's clock.
	SeenAgo time.Duration
}

// When a [Store] drops a replica without heartbeats.
const (
	// ReplicaSilence is the time after which a replica is no longer listed.
	ReplicaSilence = 15 * time.Second
	// ReplicaForgotten is the time after which its record is deleted.
	ReplicaForgotten = time.Hour
)

// Store stores the plan that all replicas share. Implementations are safe for
// concurrent use. They must not call [Injector.Database] for these calls, because a
// plan must not block its replacement.
//
// Every method may return the store's own errors, wrapped, and the context's.
type Store interface {
	// LoadPlan returns the stored plan, with Version 0 if none is stored yet.
	LoadPlan(ctx context.Context) (State, error)
	// SavePlan stores the plan with the next version.
	SavePlan(ctx context.Context, p Plan) (State, error)
	// SwapPlan stores the plan and the start times of next. It replaces version
	// next.Version-1 and keeps its age; with version 1 it stores the first plan. It
	// returns [ErrChanged] if another version is stored.
	SwapPlan(ctx context.Context, next State) (State, error)
	// Heartbeat records that the replica is alive and has applied a version. It
	// deletes replicas without a heartbeat for over an hour.
	Heartbeat(ctx context.Context, replica string, version int64) error
	// Replicas lists the replicas with a heartbeat within the last 15 s.
	Replicas(ctx context.Context) ([]Replica, error)
}
