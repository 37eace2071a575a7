package conceal

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"onsale/internal/endpoint"
)

// Answers wraps a handler and hides secrets in its JSON responses. Only one response is
// created at a time, to limit memory. A client that reads slowly does not delay others.
func Answers(next http.Handler) http.Handler {
	one := make(chan struct{}, 1)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case one <- struct{}{}:
		case <-r.Context().Done():
			return
		}
		status, body := func() (int, []byte) {
			defer func() { <-one }()
			return answer(next, w.Header(), r)
		}()
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		w.WriteHeader(status)
		_, _ = w.Write(body) // an error means that the client has disconnected
	})
}

// answer returns the status and the body of the handler's response, without secrets.
func answer(next http.Handler, header http.Header, r *http.Request) (status int, body []byte) {
	plain := r.Clone(r.Context())
	plain.Header.Del("Accept-Encoding") // a compressed response could not be parsed
	k := &kept{header: header, status: http.StatusOK}
	next.ServeHTTP(k, plain)
	return k.status, JSON(k.body.Bytes())
}

// kept is a buffered response.
type kept struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// Header returns the header of the response.
func (k *kept) Header() http.Header { return k.header }

// WriteHeader sets the status.
func (k *kept) WriteHeader(status int) { k.status = status }

// Write appends to the body.
func (k *kept) Write(p []byte) (int, error) { return k.body.Write(p) }

// maxError limits the error of a failed scrape, in bytes. The error quotes a line that
// could not be parsed, which may be as long as the whole metrics page.
const maxError = 4 << 10

// JSON removes secrets from a response of the libraries. In configurations and labels it
// hides the values of secret fields. In all other texts it hides user names, passwords
// and queries of URLs. It cuts the error of a failed scrape at 4 KB.
func JSON(body []byte) []byte {
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber() // keeps numbers unchanged
	var value any
	if decoder.Decode(&value) != nil {
		return []byte(endpoint.Clean(string(body)))
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if encoder.Encode(masked("", value)) != nil {
		return nil // cannot happen: the value was decoded from JSON
	}
	return out.Bytes()
}

// masked returns the value of a JSON member without secrets.
func masked(name string, value any) any {
	switch v := value.(type) {
	case string:
		if name == "yaml" || name == "original" {
			if shown, _, err := YAML(v); err == nil {
				return shown
			}
			return Hidden
		}
		if name == "lastError" && len(v) > maxError {
			v = strings.ToValidUTF8(v[:maxError], "") + "…"
		}
		return endpoint.Clean(v)
	case []any:
		for i := range v {
			v[i] = masked(name, v[i])
		}
	case map[string]any:
		isLabels := name == "labels" || name == "discoveredLabels" || name == "target"
		for key, below := range v {
			if text, ok := below.(string); ok && isLabels && text != "" && isSecretLabel(key) {
				v[key] = Hidden
				continue
			}
			v[key] = masked(key, below)
		}
	default:
	}
	return value
}
