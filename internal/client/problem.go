package client

import (
	"cmp"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"onsale/internal/fault"
	"onsale/internal/field"
	"onsale/internal/item"
	"onsale/internal/problem"
	"onsale/internal/sale"
)

// maxRetryAfter is the maximum of [Error.RetryAfter].
const maxRetryAfter = 24 * time.Hour

// problem reads an answer that is not a success.
func (c *Client) problem(k call, answer *http.Response, body []byte) *Error {
	// Decode each member separately, so that one of an unexpected type does not affect
	// the others. A body that is not an object has no members.
	var members map[string]json.RawMessage
	_ = json.Unmarshal(body, &members)

	e := &Error{
		Method: k.method, Path: k.path, Status: answer.StatusCode,
		Code:       code(text(members["code"])),
		RetryAfter: problem.RetryAfter(answer.Header, c.options.Now(), maxRetryAfter),
		Message:    message(members),
		Location:   Quote(answer.Header.Get("Location")),
		Fields:     fields(members["errors"]),
	}
	if e.Code == "" {
		e.Code = guess(k.part, e.Status, e.Message)
	}
	if e.Message == "" { // not a problem of the API, such as a page of a proxy
		e.Message = cmp.Or(excerpt(body), http.StatusText(e.Status))
	}
	if left, err := strconv.ParseInt(string(members["available"]), 10, 64); err == nil && left >= 0 {
		e.left = left
	}
	e.kinds = e.kindsFor(k)
	return e
}

// guess returns a code, or "", for an answer without one, such as that of an earlier
// service or of a proxy. It uses status and message.
func guess(in part, status int, message string) string {
	switch {
	case message == problem.MessageDenied:
		return problem.CodeDenied
	case message == problem.MessageSoldOut: // the earlier service sent it for unknown concerts too
		return problem.CodeSoldOut
	case status == http.StatusNotFound:
		return problem.CodeNotFound
	case status == http.StatusForbidden && in == ofItems:
		return problem.CodeUnauthorized
	case status == http.StatusUnprocessableEntity:
		return problem.CodeInvalid
	case status == http.StatusTooManyRequests:
		return problem.CodeBusy
	case status == http.StatusServiceUnavailable:
		return problem.CodeUnavailable
	case status == http.StatusBadGateway || status == http.StatusGatewayTimeout:
		return problem.CodeOutcomeUnknown // a proxy lost its connection to the server
	}
	return ""
}

// kindsFor returns the domain errors for the answer to the call.
func (e *Error) kindsFor(k call) []error {
	var kinds []error
	if kind := e.kind(k); kind != nil {
		kinds = append(kinds, kind)
	}
	for _, f := range e.Fields {
		switch {
		case k.part == ofFaults:
			kinds = append(kinds, &fault.PlanError{Field: f.Field, Rule: f.Rule})
		case k.part == ofItems && strings.EqualFold(f.Field, userHeader):
			kinds = append(kinds, item.ErrBadUser, f)
		default:
			kinds = append(kinds, f)
		}
	}
	return kinds
}

func (e *Error) kind(k call) error {
	items := k.part == ofItems
	switch e.Code {
	case problem.CodeDenied:
		return fault.ErrDenied
	case problem.CodeInjected:
		return fault.ErrInjected
	case problem.CodeMalformed:
		if k.part == ofFaults {
			return fault.ErrMalformed
		}
	case problem.CodeNotFound:
		switch {
		case e.Message == problem.MessageNoPath:
			return ErrNoPath
		case items:
			return item.ErrNotFound
		}
		return sale.ErrNotFound
	case problem.CodeUnauthorized, problem.CodeAdminDisabled:
		if items {
			return item.ErrUnauthorized
		}
		return ErrAdmin
	case problem.CodeBusy:
		return sale.ErrBusy
	case problem.CodeStopping:
		return sale.ErrStopping
	case problem.CodeUnavailable:
		return sale.ErrUnavailable
	case problem.CodeOutcomeUnknown:
		return sale.ErrOutcomeUnknown
	case problem.CodeRefused:
		return sale.ErrRefused
	case problem.CodeNotReady:
		return ErrNotReady
	}
	return nil
}

// maxFields limits the fields of a problem; further ones are dropped.
const maxFields = 100

// fields reads the fields that break a rule.
func fields(raw json.RawMessage) []*field.Error {
	var list []struct{ Field, Message string }
	if json.Unmarshal(raw, &list) != nil {
		return nil
	}
	var broken []*field.Error
	for _, f := range list[:min(len(list), maxFields)] {
		broken = append(broken, &field.Error{Field: Quote(f.Field), Rule: Quote(f.Message)})
	}
	return broken
}

// text returns the value of a JSON string, or "" for any other value.
func text(raw json.RawMessage) string {
	var value string
	_ = json.Unmarshal(raw, &value) // leaves value empty if raw is not a string
	return value
}

// maxCode limits a code, in bytes.
const maxCode = 64

// code returns the value if it has the form of a code, else "".
func code(value string) string {
	if len(value) > maxCode {
		return ""
	}
	for _, r := range value {
		if r != '_' && (r < 'a' || r > 'z') && (r < '0' || r > '9') {
			return ""
		}
	}
	return value
}
