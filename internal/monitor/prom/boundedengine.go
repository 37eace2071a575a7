package prom

import (
	"context"
	"fmt"
	"time"

	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/storage"
)

// maxResult is how many samples a response may have. As JSON, a sample takes three times
// its 16 bytes, and encoding cannot be interrupted.
const maxResult = 500_000

// boundedEngine limits the size of query results.
type boundedEngine struct{ promql.QueryEngine }

func (e boundedEngine) NewInstantQuery(ctx context.Context, q storage.Queryable, o promql.QueryOpts, expr string, at time.Time) (promql.Query, error) {
	query, err := e.QueryEngine.NewInstantQuery(ctx, q, o, expr, at)
	return boundedQuery{query}, err
}

func (e boundedEngine) NewRangeQuery(ctx context.Context, q storage.Queryable, o promql.QueryOpts, expr string, from, to time.Time, step time.Duration) (promql.Query, error) {
	query, err := e.QueryEngine.NewRangeQuery(ctx, q, o, expr, from, to, step)
	return boundedQuery{query}, err
}

type boundedQuery struct{ promql.Query }

func (q boundedQuery) Exec(ctx context.Context) *promql.Result {
	result := q.Query.Exec(ctx)
	if matrix, ok := result.Value.(promql.Matrix); ok && matrix.TotalSamples() > maxResult {
		return &promql.Result{Err: fmt.Errorf("the answer has %d samples; at most %d are allowed: request fewer series or a longer step",
			matrix.TotalSamples(), maxResult)}
	}
	return result
}
