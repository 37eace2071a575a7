package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"onsale/internal/fault"
	"onsale/internal/sale"
)

// LoadPlan implements [fault.Store].
func (s *Store) LoadPlan(ctx context.Context) (fault.State, error) {
	state, err := s.plan(ctx, "load plan", classify, `SELECT version, plan, now() - set_at FROM onsale.faults`)
	if errors.Is(err, sale.ErrNotFound) {
		return fault.State{}, nil
	}
	return state, err
}

// SavePlan implements [fault.Store].
func (s *Store) SavePlan(ctx context.Context, p fault.Plan) (fault.State, error) {
	text, err := json.Marshal(p)
	if err != nil {
		return fault.State{}, fmt.Errorf("encode plan: %w", err)
	}
	return s.plan(ctx, "save plan", classifyCommit, `INSERT INTO onsale.faults (id, plan, version, set_at) VALUES (1, $1, 1, now())
		ON CONFLICT (id) DO UPDATE SET plan = excluded.plan, version = faults.version + 1, set_at = excluded.set_at
		RETURNING version, plan, now() - set_at`, text)
}

// plan runs a query that returns the plan's row, and judges its errors. No gate
// stands before it: simulated troubles must not keep anybody from ending them.
func (s *Store) plan(
	ctx context.Context, op string, judge func(context.Context, string, error) error, query string, args ...any,
) (fault.State, error) {
	var state fault.State
	var text []byte
	limited, cancel := context.WithTimeoutCause(ctx, readLimit, errTooSlow)
	defer cancel()
	err := s.general.QueryRow(limited, query, args...).Scan(&state.Version, &text, &state.Age)
	if err != nil {
		return state, judge(ctx, op, causeOf(limited, err))
	}
	if err := json.Unmarshal(text, &state.Plan); err != nil {
		return state, fmt.Errorf("decode plan: %w", err)
	}
	return state, nil
}

// Heartbeat implements [fault.Store].
func (s *Store) Heartbeat(ctx context.Context, replica string, version int64) error {
	limited, cancel := context.WithTimeoutCause(ctx, readLimit, errTooSlow)
	defer cancel()
	var batch pgx.Batch
	batch.Queue(`INSERT INTO onsale.replicas (id, version, seen_at) VALUES ($1, $2, now())
		ON CONFLICT (id) DO UPDATE SET version = excluded.version, seen_at = excluded.seen_at`, replica, version)
	batch.Queue(`DELETE FROM onsale.replicas WHERE seen_at < now() - $1::interval`, fault.ReplicaForgotten)
	return classify(ctx, "write heartbeat", causeOf(limited, s.general.SendBatch(limited, &batch).Close()))
}

// Replicas implements [fault.Store].
func (s *Store) Replicas(ctx context.Context) ([]fault.Replica, error) {
	limited, cancel := context.WithTimeoutCause(ctx, readLimit, errTooSlow)
	defer cancel()
	rows, err := s.general.Query(limited, `SELECT id, version, now() - seen_at FROM onsale.replicas
		WHERE seen_at > now() - $1::interval ORDER BY id`, fault.ReplicaSilence)
	if err != nil {
		return nil, classify(ctx, "list replicas", causeOf(limited, err))
	}
	replicas, err := pgx.CollectRows(rows, pgx.RowToStructByPos[fault.Replica])
	return replicas, classify(ctx, "list replicas", causeOf(limited, err))
}
