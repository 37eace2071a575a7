package crowd

import (
	"errors"
	"net/http"

	"onsale/internal/field"
	"onsale/internal/problem"
)

// Handler serves GET /crowd, which returns the [State], and PUT /crowd, which
// changes the settings in its body. It does not check permissions; its caller must.
func (c *Crowd) Handler() http.Handler { return http.HandlerFunc(c.serve) }

func (c *Crowd) serve(w http.ResponseWriter, r *http.Request) {
	switch r.Method {
	case http.MethodGet, http.MethodHead:
	case http.MethodPut:
		if p := c.put(w, r); p != nil {
			p.Write(w)
			return
		}
	default:
		problem.RefuseMethod(w, http.MethodGet, http.MethodHead, http.MethodPut)
		return
	}
	problem.Answer(w, http.StatusOK, c.State())
}

// put changes the settings in the request's body.
func (c *Crowd) put(w http.ResponseWriter, r *http.Request) *problem.Problem {
	var change patch
	if p := problem.Read(w, r, &change); p != nil {
		return p
	}
	if broken, ok := errors.AsType[*field.Error](c.change(change)); ok {
		return problem.Invalid(problem.FieldProblem(*broken))
	}
	return nil
}
