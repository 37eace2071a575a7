package prom

import (
	"context"
	"fmt"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
)

const (
	// maxSelected is how many series one query may select, over all its selectors.
	maxSelected = 200_000
	// maxSelectedPoints is for how many points of time the engine may have to
	// reserve space, 16 bytes each: the series of a selector times its steps.
	maxSelectedPoints = 4_000_000
)

// bounded is a database for the queries of the API. It limits what a query
// selects, and looks at the context where the engine does not: while it reads one
// series, it may evaluate a function over it thousands of times.
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

	// selected counts series. The engine reads them one after the other.
	selected int
}

func (q *boundedQuerier) Select(ctx context.Context, sorted bool, hints *storage.SelectHints, matchers ...*labels.Matcher) storage.SeriesSet {
	set := &boundedSet{SeriesSet: q.Querier.Select(ctx, sorted, hints, matchers...), ctx: ctx, querier: q, steps: 1}
	if hints != nil && hints.Step > 0 {
		set.steps += max(0, (hints.End-hints.Start-hints.Range)/hints.Step)
	}
	return set
}

// boundedSet is what one selector selects.
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
		s.err = fmt.Errorf("a selector of the query has more than %d series at %d points of time, at most %d points are allowed",
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

// boundedIterator ends with its context. The engine asks for the next sample as
// long as there is one, and otherwise, at every step, for the last one again.
type boundedIterator struct {
	chunkenc.Iterator

	ctx   context.Context
	calls uint
}

// callsBetweenLooks is how many samples are read between two looks at the context,
// which takes a lock.
const callsBetweenLooks = 128

func (i *boundedIterator) Next() chunkenc.ValueType {
	if i.calls++; i.calls%callsBetweenLooks == 0 && i.ctx.Err() != nil {
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

// stop panics with an error when the context has ended, which is how the engine
// itself ends an evaluation. It makes the error of a query of it.
func (i *boundedIterator) stop() {
	if err := i.ctx.Err(); err != nil {
		panic(err)
	}
}
