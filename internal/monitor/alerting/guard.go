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
	// maxFilters is how many values the parameters of a call have together, and
	// maxFilterBytes how long they are, in bytes.
	maxFilters     = 50
	maxFilterBytes = 8 << 10
)

// checkFilters returns an error that names the limit which the parameters of a call
// exceed. Most of them are regular expressions, and each alert is compared with all.
func checkFilters(u *url.URL) error {
	if len(u.RawQuery) > maxFilterBytes {
		return fmt.Errorf("the query string has %d bytes, at most %d are allowed", len(u.RawQuery), maxFilterBytes)
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
		return fmt.Errorf("there are %d parameters, at most %d are allowed", len(plain), maxFilters)
	}
	// A filter is a name, an operator and a value, which as a whole is a regular
	// expression no cheaper than the value. Only that of a filter has escapes.
	if err := guard.Regexps(plain...); err != nil {
		return err
	}
	return guard.Regexps(unescaped...)
}

// unescape reads the escapes of a filter as Alertmanager does.
var unescape = strings.NewReplacer(`\\`, `\`, `\"`, `"`, `\n`, "\n")

// guarded refuses calls whose parameters cost too much, and bounds the memory of
// those that read.
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

// refuse answers as Alertmanager does, whose errors are JSON strings.
func refuse(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	fmt.Fprintf(w, "%q\n", message)
}
