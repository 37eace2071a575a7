package api

import (
	"bytes"
	"net/http"

	"onsale/internal/stress/report"
)

// policy forbids a report's page to run scripts or load anything. Names in it come
// from the author of the scenario, and the page has the same origin as the console.
const policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"

// page answers with a run's report as HTML. It renders the whole page first, so
// that a failure becomes an error response and not half a page.
func (h *handler) page(w http.ResponseWriter, r *http.Request) {
	found, err := h.find(r.PathValue("id"))
	if err != nil {
		h.refuse(w, r, err)
		return
	}
	var text bytes.Buffer
	if err := report.WriteHTML(&text, found); err != nil {
		h.refuse(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", policy)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(text.Bytes()) // the client has closed the connection
}
