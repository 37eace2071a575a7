package coverage

import (
	"encoding/json"
	"net/http"
)

// Handler answers GET and HEAD with the last [Report]. A call is cheap because it makes no
// query.
func (c *Coverage) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			h.Set("Allow", "GET, HEAD")
			http.Error(w, "The coverage is read-only.", http.StatusMethodNotAllowed)
			return
		}
		h.Set("Content-Type", "application/json")
		h.Set("Cache-Control", "no-store")
		h.Set("X-Content-Type-Options", "nosniff")
		_ = json.NewEncoder(w).Encode(c.Report()) // an error means that the client has disconnected
	})
}
