package control

import (
	"bytes"
	"net/http"

	"onsale/internal/stress/report"
)

// policy lets the page of a report do nothing but show itself: names in it come
// from whoever wrote the scenario, and the console stands at the same address.
const policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"

// page answers with a run's report as a page. It is made as a whole first, so
// that one that cannot be made is an error and not half a page.
func (c *control) page(w http.ResponseWriter, r *http.Request) {
	found, err := c.find(r.PathValue("id"))
	if err != nil {
		c.refuse(w, r, err)
		return
	}
	var text bytes.Buffer
	if err := report.WriteHTML(&text, found); err != nil {
		c.refuse(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", policy)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(text.Bytes()) // nobody is left to hear of a broken connection
}
