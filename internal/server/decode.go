package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"onsale/internal/problem"
)

// maxBody limits the body of a request, in bytes. That is forty times the longest order,
// and enough for a fault plan with every route.
const maxBody = 16 << 10

// fields is a struct of [text] and [integer] fields that the body of a request is
// decoded into. It reports the fields that break a rule of form.
type fields interface{ invalid() []error }

// decodeBody reads a JSON object from the request's body. Inputs call it in Resolve,
// where Huma collects all errors of a request.
//
// Huma itself would decode the body twice: to validate it and to fill the struct. This
// function decodes it once, rejects repeated fields, and names the field in every error.
func decodeBody(ctx huma.Context, into fields) []error {
	body, err := readBody(ctx)
	if err != nil {
		return []error{err}
	}
	var wrongType *json.UnmarshalTypeError
	err = json.Unmarshal(body, into)
	switch {
	case errors.As(err, &wrongType):
		return []error{atBody("must be a JSON object")}
	case err != nil:
		return []error{bodyError{http.StatusBadRequest, "must be JSON: " + err.Error()}}
	case !utf8.Valid(body):
		return []error{bodyError{http.StatusBadRequest, "must be UTF-8"}}
	}
	return into.invalid()
}

// readBody reads the body of a request that must be JSON, up to maxBody.
// Its errors are bodyErrors, except that a lone surrogate is an error of its field.
func readBody(ctx huma.Context) ([]byte, error) {
	r, _ := humago.Unwrap(ctx)
	if !isJSON(r.Header.Get("Content-Type")) {
		return nil, bodyError{http.StatusUnsupportedMediaType, "must be " + jsonType}
	}
	size := r.ContentLength
	if size > maxBody {
		return nil, errBodyTooLarge
	}
	if size < 0 {
		size = 512 // the size of a chunked body is unknown
	}
	body := make([]byte, 0, size+1)
	for {
		n, err := r.Body.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		switch {
		case len(body) > maxBody:
			return nil, errBodyTooLarge
		case errors.Is(err, io.EOF) && len(body) == 0:
			return nil, bodyError{http.StatusBadRequest, "must not be empty"}
		case errors.Is(err, io.EOF):
			return body, checkSurrogates(body)
		case err != nil:
			return nil, brokenBody(err)
		}
		if len(body) == cap(body) {
			body = append(body, 0)[:len(body)]
		}
	}
}

// checkSurrogates rejects text that the decoder would silently replace. It leaves a body
// that is not a JSON object to the decoder.
func checkSurrogates(body []byte) error {
	var fields map[string]json.RawMessage
	if !problem.HasLoneSurrogate(body) || json.Unmarshal(body, &fields) != nil {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if problem.HasLoneSurrogate(fields[name]) {
			return &huma.ErrorDetail{Location: "body." + name, Message: problem.LoneSurrogateRule}
		}
	}
	return atBody(problem.LoneSurrogateRule) // it is in a field's name
}

// brokenBody distinguishes a client that was too slow from one that disconnected.
func brokenBody(err error) bodyError {
	var netErr net.Error
	if errors.As(err, &netErr) && netErr.Timeout() {
		return bodyError{http.StatusRequestTimeout, "did not arrive in time"}
	}
	return bodyError{http.StatusBadRequest, "is incomplete"}
}

// isJSON reports whether a content type is JSON. An absent one counts as JSON.
func isJSON(contentType string) bool {
	if contentType == "" || contentType == jsonType {
		return true
	}
	mediaType, parameters, err := mime.ParseMediaType(contentType)
	if err != nil {
		return false
	}
	charset := parameters["charset"]
	return (mediaType == jsonType || strings.HasPrefix(mediaType, "application/") && strings.HasSuffix(mediaType, "+json")) &&
		(charset == "" || strings.EqualFold(charset, "utf-8"))
}

// bodyError is the error of a body that cannot be read or decoded.
type bodyError struct {
	status int
	rule   string
}

var errBodyTooLarge = bodyError{http.StatusRequestEntityTooLarge, fmt.Sprintf("must be at most %d bytes long", maxBody)}

// Error returns the broken rule.
func (e bodyError) Error() string { return "body " + e.rule }

// GetStatus returns the HTTP status.
func (e bodyError) GetStatus() int { return e.status }

// ErrorDetail returns the error in Huma's form.
func (e bodyError) ErrorDetail() *huma.ErrorDetail {
	return &huma.ErrorDetail{Location: "body", Message: e.rule}
}

// problem returns the problem to answer with.
func (e bodyError) problem() *Problem {
	return problemOfHuma(&huma.ErrorModel{Status: e.status, Errors: []*huma.ErrorDetail{e.ErrorDetail()}})
}

// atBody returns the error of a body that breaks a rule as a whole.
func atBody(rule string) error { return &huma.ErrorDetail{Location: "body", Message: rule} }

// appendInvalid appends the error of a field of the body, unless the rule is empty.
func appendInvalid(errs []error, name, rule string) []error {
	if rule == "" {
		return errs
	}
	return append(errs, &huma.ErrorDetail{Location: "body." + name, Message: rule})
}
