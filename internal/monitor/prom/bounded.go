package prom

import (
	"context"
	"fmt"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
)

const (
	// maxSelected is how many series all selectors of a query may select together.
	maxSelected = 200_000
	// maxSelectedPoints limits the series of a selector times its steps. The engine
	// may reserve 16 bytes for each.
	maxSelectedPoints = 4_000_000
)

// bounded wraps the database for the queries of the API. It limits how much a query
// selects. It also checks the context while the engine reads one series, which the
// engine itself does not: it may evaluate a function over that series thousands of times.
type bounded struct {
	storage.SampleAndChunkQueryable
}

// Querier returns a querier that serves one query.
func (b bounded) Querier(from, to int64) (storage.Querier, error) {
	q, err := b.SampleAndChunkQueryable.Querier(from, to)
	if err != nil {
		return nil, fmt.Errorf("open querier: %w", err)
	}
	return &boundedQuerier{Querier: q}, nil
}

type boundedQuerier struct {
	storage.Querier

	// selected counts the series of all selectors. The engine reads them sequentially,
	// so it needs no lock.
	selected int
}

func (q *boundedQuerier) Select(ctx context.Context, sorted bool, hints *storage.SelectHints, matchers ...*labels.Matcher) storage.SeriesSet {
	set := &boundedSet{SeriesSet: q.Querier.Select(ctx, sorted, hints, matchers...), ctx: ctx, querier: q, steps: 1}
	if hints != nil && hints.Step > 0 {
		set.steps += max(0, (hints.End-hints.Start-hints.Range)/hints.Step)
	}
	return set
}

// boundedSet is the series that one selector selects.
type boundedSet struct {
	storage.SeriesSet

	ctx     context.Context
	querier *boundedQuerier
	steps   int64
	series  int64
	err     error
}

func (s *boundedSet) Next() bool {
	if s.err != nil || !s.SeriesSet.Next() {
		return false
	}
	s.series++
	s.querier.selected++
	switch {
	case s.querier.selected > maxSelected:
		s.err = fmt.Errorf("the query selects more than %d series", maxSelected)
	case s.series > 1 && s.series*s.steps > maxSelectedPoints:
		s.err = fmt.Errorf("a selector of the query has more than %d series at %d points in time; at most %d points are allowed",
			s.series-1, s.steps, maxSelectedPoints)
	default:
		s.err = s.ctx.Err()
	}
	return s.err == nil
}

func (s *boundedSet) At() storage.Series { return boundedSeries{s.SeriesSet.At(), s.ctx} }

func (s *boundedSet) Err() error {
	if s.err != nil {
		return s.err
	}
	return s.SeriesSet.Err()
}

type boundedSeries struct {
	storage.Series

	ctx context.Context
}

func (s boundedSeries) Iterator(again chunkenc.Iterator) chunkenc.Iterator {
	b, ok := again.(*boundedIterator)
	if !ok {
		b = new(boundedIterator)
	}
	b.Iterator, b.ctx, b.calls = s.Series.Iterator(b.Iterator), s.ctx, 0
	return b
}

// boundedIterator stops when its context ends. Both Next and At check the context: after
// the last sample the engine calls At again at every step.
type boundedIterator struct {
	chunkenc.Iterator

	ctx   context.Context
	calls uint
}

// callsBetweenChecks is how many samples are read between two checks of the context. A
// check takes a lock.
const callsBetweenChecks = 128

func (i *boundedIterator) Next() chunkenc.ValueType {
	if i.calls++; i.calls%callsBetweenChecks == 0 && i.ctx.Err() != nil {
		return chunkenc.ValNone
	}
	return i.Iterator.Next()
}

func (i *boundedIterator) Err() error {
	if err := i.ctx.Err(); err != nil {
		return err
	}
	return i.Iterator.Err()
}

func (i *boundedIterator) At() (milliseconds int64, value float64) {
	i.stop()
	return i.Iterator.At()
}

func (i *boundedIterator) AtT() int64 {
	i.stop()
	return i.Iterator.AtT()
}

// stop panics with an error if the context has ended. The engine ends an evaluation in
// the same way and turns the panic into the error of the query.
func (i *boundedIterator) stop() {
	if err := i.ctx.Err(); err != nil {
		panic(err)
	}
}
