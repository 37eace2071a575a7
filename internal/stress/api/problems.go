package api

import (
	"errors"
	"net/http"

	"onsale/internal/field"
	"onsale/internal/problem"
	"onsale/internal/stress/history"
)

// refuse answers with the problem of an error. It logs unexpected errors and hides
// them from the client.
func (h *handler) refuse(w http.ResponseWriter, r *http.Request, err error) {
	p := problemOf(err)
	if p == nil && r.Context().Err() != nil {
		return // the client has closed the connection
	}
	if p == nil {
		h.log.ErrorContext(r.Context(), "request to the load tester failed", "method", r.Method, "path", r.URL.Path, "error", err)
		p = problem.New(http.StatusInternalServerError, "internal", "Internal error",
			"The load tester could not do this. See its log.")
	}
	p.Write(w)
}

// problemOf returns the problem of an expected error; nil for any other.
func problemOf(err error) *problem.Problem {
	if broken, ok := errors.AsType[*field.Error](err); ok {
		return problem.Invalid(problem.FieldProblem(*broken))
	}
	switch {
	case errors.Is(err, ErrRunning):
		return problem.New(http.StatusConflict, "running", "A run is under way",
			"Only one run can be under way. DELETE /stress/runs/current stops it.")
	case errors.Is(err, ErrIdle):
		return problem.New(http.StatusNotFound, "not_running", "No run is under way", "POST /stress/runs starts one.")
	case errors.Is(err, history.ErrNotFound):
		return problem.New(http.StatusNotFound, "not_found", "Run not found",
			"No kept run has this id. GET /stress/runs lists the ids.")
	case errors.Is(err, history.ErrAmbiguous):
		return problem.New(http.StatusNotFound, "ambiguous", "Several runs match", "The ids of several runs begin like this. GET /stress/runs lists the ids.")
	case errors.Is(err, history.ErrDamaged):
		return problem.New(http.StatusInternalServerError, "damaged", "Run cannot be read",
			"The file of the run is damaged, or a newer version of Onsale wrote it.")
	}
	return nil
}

func pathNotFound() *problem.Problem {
	return problem.New(http.StatusNotFound, "not_found", "Path not found", "No such path below /stress.")
}
