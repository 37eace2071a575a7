package server

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"onsale/internal/fault"
	"onsale/internal/field"
	"onsale/internal/problem"
	"onsale/internal/sale"
)

// Time limits of calls to the database, in addition to those of the stores.
const (
	// ledgerLimit is the limit of most calls. A call that takes longer has most
	// likely lost its database; it is answered 503.
	ledgerLimit = 5 * time.Second
	// booksLimit is longer, because GET /books reads every purchase.
	booksLimit = 30 * time.Second
	// knownLimit is shorter, because buyers must be answered within a second after
	// the database becomes unavailable.
	knownLimit = time.Second
)

// placedError is an error of a purchase with a known id.
type placedError struct {
	error

	id uuid.UUID
}

// placed adds the id of a purchase to its error. If the outcome is unknown, the answer
// then has a Location to look it up.
func placed(err error, id uuid.UUID) error { return placedError{err, id} }

// Unwrap returns the error without the id.
func (e placedError) Unwrap() error { return e.error }

// problemOf returns the problem to answer with for a handler's error. It logs an
// unexpected error and hides its details from the client.
func (s *Server) problemOf(ctx context.Context, pattern string, err error) *Problem {
	var (
		asProblem *Problem
		asField   *field.Error
		asPlan    *fault.PlanError
		obstacle  *sale.ObstacleError
	)
	switch {
	case errors.As(err, &asProblem):
		return asProblem
	case errors.As(err, &asField):
		return invalid.problem(problem.FieldProblem(*asField))
	case errors.As(err, &asPlan):
		return problemOfPlan(asPlan)
	}
	k := kindOf(err)
	gone := ctx.Err() != nil
	if gone && (k == nil || k == &unavailable && isContextError(err)) {
		return clientGone.problem()
	}
	if k == nil {
		s.log.Error("call failed", "pattern", pattern, "error", err)
		return internal.problem()
	}
	p := k.problem()
	if k == &unavailable && errors.As(err, &obstacle) {
		p.Detail = sentence(obstacle.Reason) + nothingChanged
		s.obstacles.report(s.options.Now(), pattern, obstacle)
	}
	var where placedError
	if k == &outcomeUnknown && errors.As(err, &where) {
		p = p.with("Location", "/purchases/"+where.id.String())
	}
	return p
}

// isContextError reports whether an error comes from the end of a context.
func isContextError(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}
