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

// Limits of a call to the database, beside the stores' own.
const (
	// ledgerLimit is when a call is given up and answered 503: what takes longer
	// has most likely lost its database.
	ledgerLimit = 5 * time.Second
	// booksLimit is longer, because the books read every purchase.
	booksLimit = 30 * time.Second
	// knownLimit is shorter, because buyers are to be answered within a second of
	// the database's going away.
	knownLimit = time.Second
)

// placedError is an error of a purchase whose id is known.
type placedError struct {
	error

	id uuid.UUID
}

// placed tells clients where they will find a purchase whose outcome is unknown.
func placed(err error, id uuid.UUID) error { return placedError{err, id} }

// Unwrap returns the error itself.
func (e placedError) Unwrap() error { return e.error }

// problemOf returns what a client is told of a handler's error. What should not
// happen is logged here, once, and told without its details.
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
		s.obstacles.tell(s.options.Now(), pattern, obstacle)
	}
	var where placedError
	if k == &outcomeUnknown && errors.As(err, &where) {
		p = p.with("Location", "/purchases/"+where.id.String())
	}
	return p
}

// isContextError reports whether a context's end is what is wrong.
func isContextError(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}
