package conceal

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"onsale/internal/endpoint"
)

// Answers hides what may be secret in the JSON that a handler answers with. The
// answers are made one at a time, so that many at once take little more memory than
// one; a client that reads slowly holds up no other.
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
		_, _ = w.Write(body) // an error means that the client has gone
	})
}

// answer returns what the handler answers, without what may be secret.
func answer(next http.Handler, header http.Header, r *http.Request) (status int, body []byte) {
	plain := r.Clone(r.Context())
	plain.Header.Del("Accept-Encoding") // a packed answer could not be read here
	k := &kept{header: header, status: http.StatusOK}
	next.ServeHTTP(k, plain)
	return k.status, JSON(k.body.Bytes())
}

// kept is an answer that is not sent yet.
type kept struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// Header returns that of the answer to come.
func (k *kept) Header() http.Header { return k.header }

// WriteHeader keeps the status.
func (k *kept) WriteHeader(status int) { k.status = status }

// Write keeps a part of the body.
func (k *kept) Write(p []byte) (int, error) { return k.body.Write(p) }

// maxError is how much of a failed scrape's error is shown, in bytes. It quotes the line
// that could not be read, which may be as long as the whole page of metrics.
const maxError = 4 << 10

// JSON returns an answer of the libraries without what may be secret: in the
// configurations and the labels in it as they are known, in all else what is part of
// a URL. The error of a failed scrape is cut off at 4 KB.
func JSON(body []byte) []byte {
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber() // which writes numbers as they were
	var value any
	if decoder.Decode(&value) != nil {
		return []byte(endpoint.Clean(string(body)))
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if encoder.Encode(masked("", value)) != nil {
		return nil // what was decoded can be encoded
	}
	return out.Bytes()
}

// masked returns the value of a member.
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
