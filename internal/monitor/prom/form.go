package prom

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

const (
	// maxForm limits a body, and a query string, in bytes.
	maxForm = 64 << 10
	// maxParameters limits the number of values of all parameters.
	maxParameters = 100
)

// denial is an error response.
type denial struct {
	status  int
	kind    string // Prometheus's errorType: bad_data, unavailable, ...
	message string
}

func (d *denial) answer(w http.ResponseWriter) { answerError(w, d.status, d.kind, d.message) }

func badData(status int, format string, args ...any) *denial {
	return &denial{status, "bad_data", fmt.Sprintf(format, args...)}
}

// withForm returns a copy of the request with parsed parameters from the URL and from the
// body of a POST, and with an empty body. The library itself would read bodies of any
// length, and multipart bodies into files.
func withForm(w http.ResponseWriter, r *http.Request) (*http.Request, *denial) {
	body, no := readBody(w, r)
	if no != nil {
		return nil, no
	}
	if len(r.URL.RawQuery) > maxForm {
		return nil, badData(http.StatusRequestURITooLong, "the query string has %d bytes; at most %d are allowed", len(r.URL.RawQuery), maxForm)
	}
	form, err := url.ParseQuery(body)
	if err != nil {
		return nil, badData(http.StatusBadRequest, "the body is not URL-encoded: %s", err)
	}
	posted := maps.Clone(form)
	asked, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, badData(http.StatusBadRequest, "the query string is not URL-encoded: %s", err)
	}
	count := 0
	for name, values := range asked {
		form[name] = append(slices.Clip(form[name]), values...)
	}
	for name, values := range form {
		count += len(values)
		// The guard and the library must not see different values.
		if !strings.HasSuffix(name, "[]") && len(values) > 1 {
			return nil, badData(http.StatusBadRequest, "the parameter %.40q is given %d times; it must be given at most once", name, len(values))
		}
	}
	if count > maxParameters {
		return nil, badData(http.StatusBadRequest, "the request has %d parameters; at most %d are allowed", count, maxParameters)
	}
	r = r.Clone(r.Context())
	r.Form, r.PostForm = form, posted
	r.Body, r.ContentLength, r.TransferEncoding = http.NoBody, 0, nil
	for _, name := range []string{"Content-Type", "Content-Length", "Content-Encoding"} {
		r.Header.Del(name)
	}
	return r, nil
}

// readBody returns the body of a POST. It rejects a body of another method.
func readBody(w http.ResponseWriter, r *http.Request) (string, *denial) {
	if r.ContentLength == 0 {
		return "", nil
	}
	if r.ContentLength > maxForm {
		return "", badData(http.StatusRequestEntityTooLarge, "the body has %d bytes; at most %d are allowed", r.ContentLength, maxForm)
	}
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/x-www-form-urlencoded" || r.Method != http.MethodPost {
		return "", badData(http.StatusUnsupportedMediaType, "a body must have the content type application/x-www-form-urlencoded and be sent by POST")
	}
	if encoding := r.Header.Get("Content-Encoding"); encoding != "" && encoding != "identity" {
		return "", badData(http.StatusUnsupportedMediaType, "a body must not be compressed; its encoding is %.40q", encoding)
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxForm))
	if tooLong, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return "", badData(http.StatusRequestEntityTooLarge, "the body has more than %d bytes", tooLong.Limit)
	}
	if err != nil {
		return "", badData(http.StatusBadRequest, "the body cannot be read")
	}
	return string(body), nil
}
