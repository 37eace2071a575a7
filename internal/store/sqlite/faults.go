package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"onsale/internal/fault"
	"onsale/internal/sale"
)

// The calls in this file do not pass the gate: simulated faults must not prevent users
// from ending them.

// LoadPlan implements [fault.Store].
func (s *Store) LoadPlan(ctx context.Context) (fault.State, error) {
	plan, err := readOne(ctx, s.reader, toPlan, `SELECT version, plan, set_at FROM faults`)
	if errors.Is(err, sale.ErrNotFound) {
		return fault.State{}, nil
	}
	if err != nil {
		return fault.State{}, wrap("load plan", err)
	}
	return s.state(plan)
}

// SavePlan implements [fault.Store].
func (s *Store) SavePlan(ctx context.Context, p fault.Plan) (fault.State, error) {
	saved, err := s.writePlan(ctx, fault.State{Plan: p}, `INSERT INTO faults (id, plan, version, set_at) VALUES (1, ?1, 1, ?2)
		ON CONFLICT (id) DO UPDATE SET plan = excluded.plan, version = version + 1, set_at = excluded.set_at
		RETURNING version, plan, set_at`, formatTime(s.now()))
	if err != nil {
		return fault.State{}, wrap("save plan", err)
	}
	return s.state(saved[0])
}

// SwapPlan implements [fault.Store].
func (s *Store) SwapPlan(ctx context.Context, next fault.State) (fault.State, error) {
	query, arg := `UPDATE faults SET plan = ?1, version = version + 1 WHERE version = ?2 RETURNING version, plan, set_at`, any(next.Version-1)
	if next.Version == 1 {
		query = `INSERT INTO faults (id, plan, version, set_at) VALUES (1, ?1, 1, ?2) ON CONFLICT (id) DO NOTHING RETURNING version, plan, set_at`
		arg = formatTime(s.now())
	}
	saved, err := s.writePlan(ctx, next, query, arg)
	switch {
	case err != nil:
		return fault.State{}, wrap("swap plan", err)
	case len(saved) == 0:
		return fault.State{}, fault.ErrChanged
	}
	return s.state(saved[0])
}

// writePlan runs a statement that writes the plan's row and returns it.
func (s *Store) writePlan(ctx context.Context, state fault.State, query string, arg any) (saved []plan, err error) {
	text, err := state.Encode()
	if err != nil {
		return nil, err
	}
	err = s.writer.transact(ctx, func(t *tx) (err error) {
		saved, err = collect(t.ctx, t, toPlan, query, string(text), arg)
		return err
	})
	return saved, err
}

// plan is a row of faults.
type plan struct {
	version int64
	text    string
	setAt   time.Time
}

func toPlan(rows *sql.Rows) (p plan, err error) {
	var setAt string
	if err := rows.Scan(&p.version, &p.text, &setAt); err != nil {
		return plan{}, err
	}
	p.setAt, err = parseTime(setAt)
	return p, err
}

// state decodes a row.
func (s *Store) state(p plan) (fault.State, error) {
	state := fault.State{Version: p.version, Age: s.since(p.setAt)}
	if err := state.Decode([]byte(p.text)); err != nil {
		return fault.State{}, err
	}
	return state, nil
}

// since returns the time since t. It is never negative, even if the clock was set back.
func (s *Store) since(t time.Time) time.Duration { return max(s.now().Sub(t), 0) }

// Heartbeat implements [fault.Store].
func (s *Store) Heartbeat(ctx context.Context, replica string, version int64) error {
	now := s.now()
	err := s.writer.transact(ctx, func(t *tx) error {
		if _, err := t.exec(`INSERT INTO replicas (id, version, seen_at) VALUES (?, ?, ?)
			ON CONFLICT (id) DO UPDATE SET version = excluded.version, seen_at = excluded.seen_at`,
			replica, version, formatTime(now)); err != nil {
			return err
		}
		_, err := t.exec(`DELETE FROM replicas WHERE seen_at < ?`, formatTime(now.Add(-fault.ReplicaForgotten)))
		return err
	})
	return wrap("write heartbeat", err)
}

// Replicas implements [fault.Store].
func (s *Store) Replicas(ctx context.Context) ([]fault.Replica, error) {
	replicas, err := readAll(ctx, s.reader, s.toReplica, `SELECT id, version, seen_at FROM replicas
		WHERE seen_at > ? ORDER BY id`, formatTime(s.now().Add(-fault.ReplicaSilence)))
	return replicas, wrap("list replicas", err)
}

func (s *Store) toReplica(rows *sql.Rows) (r fault.Replica, err error) {
	var seenAt string
	if err := rows.Scan(&r.ID, &r.Version, &seenAt); err != nil {
		return fault.Replica{}, err
	}
	seen, err := parseTime(seenAt)
	r.SeenAgo = s.since(seen)
	return r, err
}
