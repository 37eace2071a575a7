package discord

import (
	"fmt"
	"net/http"
	"strconv"

	"onsale/internal/monitor/reply"
	"onsale/internal/problem"
)

// Handler answers GET with {"notifications":[…]}, the newest first. ?limit= returns
// fewer. The answer never contains the webhook's address.
func (b *Inbox) Handler() http.Handler {
	few := reply.Few(http.HandlerFunc(b.serve), func(w http.ResponseWriter, status int, message string) {
		refuse(w, status, "busy", message)
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			refuse(w, http.StatusMethodNotAllowed, "method_not_allowed", "The inbox is read-only.")
			return
		}
		few.ServeHTTP(w, r)
	})
}

func (b *Inbox) serve(w http.ResponseWriter, r *http.Request) {
	limit, err := parseLimit(r.URL.Query()["limit"])
	if err != nil {
		refuse(w, http.StatusUnprocessableEntity, "invalid", err.Error())
		return
	}
	w.Header().Set("X-Content-Type-Options", "nosniff")
	problem.Answer(w, http.StatusOK, map[string]any{"notifications": b.List(limit)})
}

func parseLimit(given []string) (int, error) {
	if len(given) == 0 {
		return maxKept, nil
	}
	limit, err := strconv.Atoi(given[0])
	if err != nil || len(given) > 1 || limit < 1 || limit > maxKept {
		return 0, fmt.Errorf("limit must be a number from 1 to %d", maxKept)
	}
	return limit, nil
}

// refuse answers with a problem. The detail is also its message.
func refuse(w http.ResponseWriter, status int, code, detail string) {
	p := problem.New(status, code, http.StatusText(status), detail)
	p.Message = detail
	w.Header().Set("X-Content-Type-Options", "nosniff")
	p.Write(w)
}
