package problem

import "slices"

// The codes of the API's problems. The OpenAPI document lists them.
const (
	CodeAdminDisabled        = "admin_disabled"
	CodeBusy                 = "busy"
	CodeClientGone           = "client_gone" // no client receives it; not in Codes
	CodeCrossOrigin          = "cross_origin"
	CodeDenied               = "denied"
	CodeForeignHost          = "foreign_host"
	CodeInjected             = "injected"
	CodeInternal             = "internal"
	CodeInvalid              = "invalid"
	CodeKeyReused            = "key_reused"
	CodeMalformed            = "malformed"
	CodeMethodNotAllowed     = "method_not_allowed"
	CodeNotFound             = "not_found"
	CodeNotReady             = "not_ready"
	CodeOutcomeUnknown       = "outcome_unknown"
	CodeRefused              = "refused"
	CodeSoldOut              = "sold_out"
	CodeStopping             = "stopping"
	CodeTimeout              = "timeout"
	CodeTooLarge             = "too_large"
	CodeTooManyTries         = "too_many_tries"
	CodeUnauthorized         = "unauthorized"
	CodeUnavailable          = "unavailable"
	CodeUnsupportedMediaType = "unsupported_media_type"
)

// Messages that clients of the earlier services compare. They must not change.
const (
	MessageDenied          = "Tickets currently unavailable"
	MessageSoldOut         = "Concert sold out"
	MessageConcertNotFound = "Concert not found"
	MessageNoPath          = "No such path"
)

var codes = []string{
	CodeAdminDisabled, CodeBusy, CodeCrossOrigin, CodeDenied, CodeForeignHost, CodeInjected, CodeInternal, CodeInvalid,
	CodeKeyReused, CodeMalformed, CodeMethodNotAllowed, CodeNotFound, CodeNotReady, CodeOutcomeUnknown, CodeRefused, CodeSoldOut,
	CodeStopping, CodeTimeout, CodeTooLarge, CodeTooManyTries, CodeUnauthorized, CodeUnavailable, CodeUnsupportedMediaType,
}

// Codes returns the codes of the problems that clients can receive from the API, sorted.
func Codes() []string { return slices.Clone(codes) }

// Known reports whether a code is in Codes.
func Known(code string) bool { return slices.Contains(codes, code) }
