// Package guard rejects expensive PromQL expressions and regular expressions. Its scan is
// linear in their length and allocates little.
//
// It exists because the parser and the engine of Prometheus trust their callers. The
// parser recurses without a limit. A subquery allocates its points before the engine
// counts samples. Neither stops at a timeout.
//
// The scan runs before the parser. It never estimates less than the engine would use. It
// rejects text that it cannot scan, and accepts other mistakes, because the parser has
// better error messages for them.
//
// Rule files and configuration files are not checked, because the operator writes them.
package guard

import (
	"fmt"
	"time"
)

// The limits of one call. Each error names the limit and the value found.
const (
	// MaxBytes limits the length of the query and all selectors together, in bytes.
	MaxBytes = 16 << 10
	// MaxPoints limits the points in time at which an expression is evaluated, for a
	// range query and for each subquery. It is Prometheus's own limit for query_range.
	MaxPoints = 11_000
	// MaxReads limits the points that all subqueries read for one series. A subquery
	// reads its whole window at every step of the expression around it. The engine
	// checks the timeout only between two series.
	MaxReads = 20_000_000

	// maxDepth limits how deep parentheses nest. The parser, the formatter and the
	// engine recurse at least once for each level.
	maxDepth = 50
	// maxOperators limits chains such as 1+1+1 and ----1, which the parser nests too.
	maxOperators = 150
	// maxMatchers limits the label matchers of all selectors together.
	maxMatchers = 150
	// maxRanges limits the brackets, which are ranges or subqueries.
	maxRanges = 50
	// maxSubqueries limits the subqueries.
	maxSubqueries = 10
	// maxLabelBytes limits the length of a label from label_replace or label_join.
	maxLabelBytes = 16 << 10
	// maxLabelSteps limits the length of such a label times the cost of the regular
	// expressions that read it. No timeout interrupts them.
	maxLabelSteps = 100_000
)

// Query is the text that Prometheus has to parse, and the times of its evaluation.
type Query struct {
	// Texts are the expression or the selectors.
	Texts []string
	// Span is the time between the first and the last point, 0 for a single point. Step
	// is the time between two points, at least 1 ms if Span is not 0.
	Span, Step time.Duration
	// DefaultStep is the step of a subquery without one.
	DefaultStep time.Duration
}

// Check returns an error if the query exceeds a limit, or if its brackets cannot be
// parsed. The error names the limit.
func (q Query) Check() error {
	bytes := 0
	for _, text := range q.Texts {
		bytes += len(text)
	}
	if bytes > MaxBytes {
		return fmt.Errorf("the query has %d bytes; at most %d are allowed", bytes, MaxBytes)
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

// tooMany returns the error for a count that passes its limit during the scan. The rest of
// the text may contain more.
func tooMany(found int, unit string, limit int) error {
	return fmt.Errorf("the query has at least %d %s; at most %d are allowed", found, unit, limit)
}
