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
	"onsale/internal/sale"
)

// The codes that the client knows. Those of outcomes are no errors.
const (
	codeDenied         = "denied"
	codeSoldOut        = "sold_out"
	codeNotFound       = "not_found"
	codeKeyReused      = "key_reused"
	codeInvalid        = "invalid"
	codeMalformed      = "malformed"
	codeUnauthorized   = "unauthorized"
	codeAdminDisabled  = "admin_disabled"
	codeBusy           = "busy"
	codeStopping       = "stopping"
	codeUnavailable    = "unavailable"
	codeOutcomeUnknown = "outcome_unknown"
	codeRefused        = "refused"
	codeNotReady       = "not_ready"
	codeInjected       = "injected"
)

// The messages that tell apart what has one code or, from the earlier
// services, none.
const (
	messageDenied          = "Tickets currently unavailable"
	messageSoldOut         = "Concert sold out"
	messageConcertNotFound = "Concert not found"
	messageNoPath          = "No such path"
)

// maxRetryAfter bounds what a server may ask for.
const maxRetryAfter = 24 * time.Hour

// problem reads an answer that is no success.
func (c *Client) problem(k call, answer *http.Response, body []byte) *Error {
	// Each member is read by itself, so that one of another type than expected
	// spoils none of the others. What is no object at all has no members.
	var members map[string]json.RawMessage
	_ = json.Unmarshal(body, &members)

	e := &Error{
		Method: k.method, Path: k.path, Status: answer.StatusCode,
		Code:       code(text(members["code"])),
		RetryAfter: retryAfter(answer.Header, c.options.Now),
		Message:    message(members),
		Location:   Quote(answer.Header.Get("Location")),
		Fields:     fields(members["errors"]),
	}
	if e.Code == "" {
		e.Code = guess(k.room, e.Status, e.Message)
	}
	if e.Message == "" { // it is no answer of the API's, and says what it has to say otherwise
		e.Message = cmp.Or(excerpt(body), http.StatusText(e.Status))
	}
	if left, err := strconv.ParseInt(string(members["available"]), 10, 64); err == nil && left >= 0 {
		e.left = left
	}
	e.kinds = e.kindsFor(k)
	return e
}

// guess returns the code of an answer of an earlier service, or of a proxy, by
// status and message; nothing if it says nothing.
func guess(in room, status int, message string) string {
	switch {
	case message == messageDenied:
		return codeDenied
	case message == messageSoldOut: // the earlier service said it of unknown concerts, too
		return codeSoldOut
	case status == http.StatusNotFound:
		return codeNotFound
	case status == http.StatusForbidden && in == ofItems:
		return codeUnauthorized
	case status == http.StatusUnprocessableEntity:
		return codeInvalid
	case status == http.StatusTooManyRequests:
		return codeBusy
	case status == http.StatusServiceUnavailable:
		return codeUnavailable
	case status == http.StatusBadGateway || status == http.StatusGatewayTimeout:
		return codeOutcomeUnknown // a proxy lost the server in mid-call
	}
	return ""
}

// kindsFor returns the domain's errors that the answer to the call stands for.
func (e *Error) kindsFor(k call) []error {
	var kinds []error
	if kind := e.kind(k); kind != nil {
		kinds = append(kinds, kind)
	}
	for _, f := range e.Fields {
		switch {
		case k.room == ofFaults:
			kinds = append(kinds, &fault.PlanError{Field: f.Field, Rule: f.Rule})
		case k.room == ofItems && strings.EqualFold(f.Field, userHeader):
			kinds = append(kinds, item.ErrBadUser, f)
		default:
			kinds = append(kinds, f)
		}
	}
	return kinds
}

func (e *Error) kind(k call) error {
	items := k.room == ofItems
	switch e.Code {
	case codeDenied:
		return fault.ErrDenied
	case codeInjected:
		return fault.ErrInjected
	case codeMalformed:
		if k.room == ofFaults {
			return fault.ErrMalformed
		}
	case codeNotFound:
		switch {
		case e.Message == messageNoPath:
			return ErrNoPath
		case items:
			return item.ErrNotFound
		}
		return sale.ErrNotFound
	case codeUnauthorized, codeAdminDisabled:
		if items {
			return item.ErrUnauthorized
		}
		return ErrAdmin
	case codeBusy:
		return sale.ErrBusy
	case codeStopping:
		return sale.ErrStopping
	case codeUnavailable:
		return sale.ErrUnavailable
	case codeOutcomeUnknown:
		return sale.ErrOutcomeUnknown
	case codeRefused:
		return sale.ErrRefused
	case codeNotReady:
		return ErrNotReady
	}
	return nil
}

// maxFields is how many fields of a problem are kept.
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

// text returns a JSON string's value, or nothing.
func text(raw json.RawMessage) string {
	var value string
	_ = json.Unmarshal(raw, &value) // what is no string has no value
	return value
}

// maxCode limits a code, in bytes.
const maxCode = 64

// code returns a code as programs compare and count it, or nothing for what
// does not look like one.
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

// retryAfter reads a header Retry-After, seconds or a date (RFC 9110, 10.2.3).
func retryAfter(header http.Header, now func() time.Time) time.Duration {
	value := header.Get("Retry-After")
	if seconds, err := strconv.ParseUint(value, 10, 32); err == nil {
		return min(time.Duration(seconds)*time.Second, maxRetryAfter)
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	return min(max(at.Sub(now()), 0), maxRetryAfter)
}
