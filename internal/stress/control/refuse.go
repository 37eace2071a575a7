package control

import (
	"errors"
	"net/http"

	"onsale/internal/field"
	"onsale/internal/problem"
	"onsale/internal/stress/history"
)

// refuse answers with what an error of the desk is to a client. What is nobody's business
// outside is logged.
func (c *control) refuse(w http.ResponseWriter, r *http.Request, err error) {
	p := problemOf(err)
	if p == nil && r.Context().Err() != nil {
		return // the client hung up, which is what went wrong
	}
	if p == nil {
		c.log.ErrorContext(r.Context(), "call of the load tester failed", "method", r.Method, "path", r.URL.Path, "error", err)
		p = problem.New(http.StatusInternalServerError, "internal", "Internal error",
			"The load tester could not do this. Its log says why.")
	}
	p.Write(w)
}

// problemOf returns the problem of an error that is expected; nil of any other.
func problemOf(err error) *problem.Problem {
	if broken, ok := errors.AsType[*field.Error](err); ok {
		return problem.Invalid(problem.FieldProblem(*broken))
	}
	switch {
	case errors.Is(err, ErrRunning):
		return problem.New(http.StatusConflict, "running", "A run is under way",
			"Only one runs at a time. DELETE /stress/runs/current stops it.")
	case errors.Is(err, ErrIdle):
		return problem.New(http.StatusNotFound, "not_running", "No run is under way", "POST /stress/runs starts one.")
	case errors.Is(err, history.ErrNotFound):
		return problem.New(http.StatusNotFound, "not_found", "Run not found",
			"No such run is kept. GET /stress/runs lists those that are.")
	case errors.Is(err, history.ErrAmbiguous):
		return problem.New(http.StatusNotFound, "ambiguous", "Several runs begin so", "GET /stress/runs lists their ids.")
	case errors.Is(err, history.ErrDamaged):
		return problem.New(http.StatusInternalServerError, "damaged", "Run cannot be read",
			"The file in which the run is kept is damaged, or of a newer version.")
	}
	return nil
}

func pathNotFound() *problem.Problem {
	return problem.New(http.StatusNotFound, "not_found", "Path not found", "There is no such path below /stress.")
}
