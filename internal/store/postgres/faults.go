package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"onsale/internal/fault"
)

// LoadPlan implements [fault.Store].
func (s *Store) LoadPlan(ctx context.Context) (fault.State, error) {
	return s.plan(ctx, "load plan", classify, `SELECT version, plan, now() - set_at FROM onsale.faults`)
}

// SavePlan implements [fault.Store].
func (s *Store) SavePlan(ctx context.Context, p fault.Plan) (fault.State, error) {
	text, err := fault.State{Plan: p}.Encode()
	if err != nil {
		return fault.State{}, err
	}
	return s.plan(ctx, "save plan", classifyCommit, `INSERT INTO onsale.faults (id, plan, version, set_at) VALUES (1, $1, 1, now())
		ON CONFLICT (id) DO UPDATE SET plan = excluded.plan, version = faults.version + 1, set_at = excluded.set_at
		RETURNING version, plan, now() - set_at`, string(text)) // a []byte would be sent as bytea if the driver does not know the column's type
}

// SwapPlan implements [fault.Store].
func (s *Store) SwapPlan(ctx context.Context, next fault.State) (fault.State, error) {
	text, err := next.Encode()
	if err != nil {
		return fault.State{}, err
	}
	statement := `UPDATE onsale.faults SET plan = $1, version = version + 1 WHERE version = $2 RETURNING version, plan, now() - set_at`
	if next.Version == 1 {
		statement = `INSERT INTO onsale.faults (id, plan, version, set_at) VALUES (1, $1, $2::bigint + 1, now())
			ON CONFLICT (id) DO NOTHING RETURNING version, plan, now() - set_at`
	}
	state, err := s.plan(ctx, "swap plan", classifyCommit, statement, string(text), next.Version-1)
	if err == nil && state.Version == 0 {
		return fault.State{}, fault.ErrChanged
	}
	return state, err
}

// plan runs a query that returns the plan's row, if any, and judges its errors. It
// does not pass the gate: simulated faults must not prevent users from ending them.
func (s *Store) plan(ctx context.Context, op string, judge judgement, statement string, args ...any) (fault.State, error) {
	var state fault.State
	var text []byte
	err := s.call(ctx, op, judge, func(ctx context.Context, conn *pgx.Conn) error {
		return query(ctx, conn, func(rows pgx.Rows) error {
			_, err := pgx.CollectExactlyOneRow(rows, func(row pgx.CollectableRow) (struct{}, error) {
				return struct{}{}, row.Scan(&state.Version, &text, &state.Age)
			})
			if errors.Is(err, pgx.ErrNoRows) {
				return nil
			}
			return err
		}, statement, args...)
	})
	if err != nil || state.Version == 0 {
		return fault.State{}, err
	}
	if err := state.Decode(text); err != nil {
		return fault.State{}, err
	}
	return state, nil
}

// Heartbeat implements [fault.Store].
func (s *Store) Heartbeat(ctx context.Context, replica string, version int64) error {
	return s.call(ctx, "write heartbeat", classify, func(ctx context.Context, conn *pgx.Conn) error {
		batch := newBatch(conn)
		batch.Queue(`INSERT INTO onsale.replicas (id, version, seen_at) VALUES ($1, $2, now())
			ON CONFLICT (id) DO UPDATE SET version = excluded.version, seen_at = excluded.seen_at`, replica, version)
		batch.Queue(`DELETE FROM onsale.replicas WHERE seen_at < now() - $1::interval`, fault.ReplicaForgotten)
		return conn.SendBatch(ctx, batch).Close()
	})
}

// Replicas implements [fault.Store].
func (s *Store) Replicas(ctx context.Context) (replicas []fault.Replica, err error) {
	err = s.call(ctx, "list replicas", classify, func(ctx context.Context, conn *pgx.Conn) error {
		return query(ctx, conn, all(&replicas, pgx.RowToStructByPos[fault.Replica]), `SELECT id, version, now() - seen_at
			FROM onsale.replicas WHERE seen_at > now() - $1::interval ORDER BY id`, fault.ReplicaSilence)
	})
	return replicas, err
}
