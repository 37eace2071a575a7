package alerting

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"onsale/internal/monitor/guard"
	"onsale/internal/monitor/reply"
)

const (
	// maxFilters limits the number of parameter values in a call, and maxFilterBytes
	// the length of the query string, in bytes.
	maxFilters     = 50
	maxFilterBytes = 8 << 10
)

// checkFilters returns an error if the parameters of a call exceed a limit. The limits
// are needed because most parameters are regular expressions, and Alertmanager matches
// each alert against all of them.
func checkFilters(u *url.URL) error {
	if len(u.RawQuery) > maxFilterBytes {
		return fmt.Errorf("the query string has %d bytes; at most %d are allowed", len(u.RawQuery), maxFilterBytes)
	}
	parameters, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return fmt.Errorf("the query string is not URL-encoded: %w", err)
	}
	var plain, unescaped []string
	for _, values := range parameters {
		for _, value := range values {
			plain = append(plain, value)
			unescaped = append(unescaped, unescape.Replace(value))
		}
	}
	if len(plain) > maxFilters {
		return fmt.Errorf("the query string has %d parameters; at most %d are allowed", len(plain), maxFilters)
	}
	// A filter is a name, an operator and a value. Weighing the whole filter as one
	// regular expression costs no less than weighing its value. Only values of
	// filters have escapes, so both forms are checked.
	if err := guard.Regexps(plain...); err != nil {
		return err
	}
	return guard.Regexps(unescaped...)
}

// unescape replaces the escapes in a filter, as Alertmanager does.
var unescape = strings.NewReplacer(`\\`, `\`, `\"`, `"`, `\n`, "\n")

// guarded rejects calls whose parameters cost too much, and limits the memory that
// GET requests use.
func guarded(next http.Handler) http.Handler {
	reads := reply.Few(next, refuse)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := checkFilters(r.URL); err != nil {
			refuse(w, http.StatusBadRequest, err.Error())
			return
		}
		if r.Method == http.MethodGet {
			reads.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// refuse writes an error as Alertmanager does: as a JSON string.
func refuse(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	fmt.Fprintf(w, "%q\n", message)
}
