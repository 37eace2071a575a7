// Package guard refuses expensive PromQL expressions and regular expressions by
// a scan that is linear in their length and allocates little.
//
// It exists because the parser and the engine of Prometheus trust their callers:
// the parser recurses without a limit, and a subquery allocates its points before
// the engine counts samples. Neither stops at a time-out. The scan runs before
// the parser sees the text. It never computes less than the engine would use, and
// it refuses what it cannot read; what is merely wrong it leaves to the parser,
// whose errors are better.
//
// Rule files and configuration files belong to the operator and do not pass here.
package guard

import (
	"fmt"
	"time"
)

// The limits of one call. Each refusal names its limit and the value found.
const (
	// MaxBytes is the length of the query and of all selectors together.
	MaxBytes = 16 << 10
	// MaxPoints is how many points of time an expression is evaluated at: those of
	// a range query, and those of each subquery. It is Prometheus's own limit on
	// query_range.
	MaxPoints = 11_000
	// MaxReads is how many points all subqueries read for one series: each of them
	// reads its whole window at every step of what encloses it. The engine looks at
	// the time-out between two series only.
	MaxReads = 20_000_000

	// maxDepth is how deep parentheses nest. The parser, the formatter and the
	// engine recurse once or more for each.
	maxDepth = 50
	// maxOperators bounds chains such as 1+1+1 and ----1, which nest as well.
	maxOperators = 150
	// maxMatchers is how many label matchers all selectors together have.
	maxMatchers = 150
	// maxRanges is how many brackets there are, ranges and subqueries together.
	maxRanges = 50
	// maxSubqueries is how many of them are subqueries.
	maxSubqueries = 10
	// maxLabelBytes is how long a label may become that label_replace and
	// label_join make.
	maxLabelBytes = 16 << 10
	// maxLabelSteps bounds the length of such a label times the cost of the regular
	// expressions that read it. No time-out interrupts them.
	maxLabelSteps = 100_000
)

// Query is what Prometheus is asked to parse, and when it is to be evaluated.
type Query struct {
	// Texts are the expression or the selectors.
	Texts []string
	// Span is the time between the first and the last point, 0 for one point, and
	// Step that between two of them, at least 1 ms if Span is not 0.
	Span, Step time.Duration
	// DefaultStep is that of a subquery that names none.
	DefaultStep time.Duration
}

// Check returns an error if the query exceeds a limit, which the error names, or
// if its brackets cannot be read.
func (q Query) Check() error {
	bytes := 0
	for _, text := range q.Texts {
		bytes += len(text)
	}
	if bytes > MaxBytes {
		return exceeds("the query", bytes, "bytes", MaxBytes)
	}
	s := scan{defaultStep: q.DefaultStep, levels: []level{{}}}
	for _, text := range q.Texts {
		if err := s.read(text); err != nil {
			return err
		}
	}
	if err := q.checkPoints(s.levels[0].subqueries); err != nil {
		return err
	}
	return s.checkStrings()
}

// exceeds is the error of a value above its limit.
func exceeds(what string, found int, unit string, limit int) error {
	return fmt.Errorf("%s has %d %s, at most %d are allowed", what, found, unit, limit)
}
