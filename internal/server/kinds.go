package server

import (
	"context"
	"errors"
	"net/http"

	"onsale/internal/fault"
	"onsale/internal/item"
	"onsale/internal/problem"
	"onsale/internal/sale"
)

// kind is one kind of problem: what the client receives, and the outcome that is
// counted if a purchase ends with it.
type kind struct {
	status int
	code   string
	title  string
	// message is the text that old clients read; empty means the title.
	message string
	detail  string
	outcome outcome
	// retry means that the same request may succeed a second later.
	retry bool
}

// nothingChanged ends the detail of a temporary problem.
const nothingChanged = " Nothing was changed. Retry the request."

// statusClientGone counts clients that disconnected before they were answered. No
// client ever receives it. The number is nginx's.
const statusClientGone = 499

// All problems that the API can answer with.
var (
	denied = kind{
		status: http.StatusConflict, code: problem.CodeDenied, title: problem.MessageDenied, outcome: outcomeDenied,
		detail: "The purchase was denied. Nothing was sold. A retry may succeed.",
	}
	soldOut = kind{
		status: http.StatusConflict, code: problem.CodeSoldOut, title: problem.MessageSoldOut, outcome: outcomeSoldOut,
		detail: "Fewer tickets are left than requested. Nothing was sold.",
	}
	concertNotFound = kind{
		status: http.StatusNotFound, code: problem.CodeNotFound, title: "Not found", outcome: outcomeNotFound,
		message: problem.MessageConcertNotFound, detail: "There is no concert with this id.",
	}
	purchaseNotFound = kind{
		status: http.StatusNotFound, code: problem.CodeNotFound, title: "Not found",
		message: "Purchase not found", detail: "There is no purchase with this id.",
	}
	itemNotFound = kind{
		status: http.StatusNotFound, code: problem.CodeNotFound, title: "Not found",
		message: "Item not found", detail: "The token's user has no item with this id.",
	}
	pathNotFound = kind{
		status: http.StatusNotFound, code: problem.CodeNotFound, title: "Not found",
		message: problem.MessageNoPath, detail: "No such path. Start at /.",
	}
	methodNotAllowed = kind{
		status: http.StatusMethodNotAllowed, code: problem.CodeMethodNotAllowed, title: "Method not allowed",
		detail: "The path does not support this method. The Allow header lists the methods that it supports.",
	}

	invalid = kind{
		status: http.StatusUnprocessableEntity, code: problem.CodeInvalid, title: "Invalid request", outcome: outcomeInvalid,
		detail: "Nothing was changed.",
	}
	keyReused = kind{
		status: http.StatusUnprocessableEntity, code: problem.CodeKeyReused, title: "Idempotency key reused", outcome: outcomeInvalid,
		detail: "This Idempotency-Key was already used for a purchase with a different concert, e-mail address or quantity. Nothing was sold.",
	}
	refused = kind{
		status: http.StatusUnprocessableEntity, code: problem.CodeRefused, title: "Rejected by the database", outcome: outcomeFailed,
		detail: "The database rejected the data of this request. Nothing was changed.",
	}
	malformed = kind{
		status: http.StatusBadRequest, code: problem.CodeMalformed, title: "Malformed request", outcome: outcomeInvalid,
		detail: "Nothing was changed.",
	}
	tooLarge = kind{
		status: http.StatusRequestEntityTooLarge, code: problem.CodeTooLarge, title: "Request too large", outcome: outcomeInvalid,
		detail: "Nothing was changed.",
	}
	notJSON = kind{
		status: http.StatusUnsupportedMediaType, code: problem.CodeUnsupportedMediaType, title: "Unsupported media type", outcome: outcomeInvalid,
		detail: "Nothing was changed.",
	}
	bodyTimeout = kind{
		status: http.StatusRequestTimeout, code: problem.CodeTimeout, title: "Request timed out", outcome: outcomeInvalid,
		detail: "Nothing was changed.",
	}

	unauthorized = kind{
		status: http.StatusUnauthorized, code: problem.CodeUnauthorized, title: "Unauthorized",
		message: "Admin token missing or wrong",
		detail:  "This call needs the header \"Authorization: Bearer TOKEN\" with the admin token.",
	}
	// tokenRefused does not give the reason, so that all rejections look the same.
	tokenRefused = kind{
		status: http.StatusForbidden, code: problem.CodeUnauthorized, title: "Unauthorized",
		detail: "This call needs a Token header with an unexpired token from POST /api/token. " +
			"A User-ID header, if sent, must name the user to whom the token was issued.",
	}
	adminDisabled = kind{
		status: http.StatusForbidden, code: problem.CodeAdminDisabled, title: "Admin calls are disabled",
		detail: "No admin token is set. Without one, admin calls are answered only on a loopback address, with a Host such as localhost, " +
			"over HTTP/1.1 or later and without a proxy. Set a token with ONSALE_ADMIN_TOKEN or --admin-token-file; the value none opens admin calls to everyone.",
	}
	crossOrigin = kind{
		status: http.StatusForbidden, code: problem.CodeCrossOrigin, title: "Cross-origin request rejected", outcome: outcomeInvalid,
		detail: "Pages from other origins must not change anything on this server.",
	}
	crossSiteRead = kind{
		status: http.StatusForbidden, code: problem.CodeCrossOrigin, title: "Cross-origin request rejected",
		detail: "Pages from other sites can neither read this path nor link to it. Type the address into the browser, or link to / instead.",
	}
	foreignHost = kind{
		status: http.StatusMisdirectedRequest, code: problem.CodeForeignHost, title: "Unknown host name",
		detail: "The Host of the request is not one of this server's names. Without an admin token, the server accepts only IP addresses, " +
			"names without a dot, *.localhost and host.docker.internal, because any website can point its own domain at this server. " +
			"Add the server's names with --allowed-hosts or ONSALE_ALLOWED_HOSTS.",
	}
	tooManyTries = kind{
		status: http.StatusTooManyRequests, code: problem.CodeTooManyTries, title: "Too many wrong tokens",
		detail: "This address sent too many wrong admin tokens within a minute. The correct token is still accepted.",
	}

	busy = kind{
		status: http.StatusServiceUnavailable, code: problem.CodeBusy, title: "Busy", outcome: outcomeShed, retry: true,
		detail: "The server is too busy to handle this request." + nothingChanged,
	}
	stopping = kind{
		status: http.StatusServiceUnavailable, code: problem.CodeStopping, title: "Stopping", outcome: outcomeShed, retry: true,
		detail: "The server is shutting down." + nothingChanged,
	}
	unavailable = kind{
		status: http.StatusServiceUnavailable, code: problem.CodeUnavailable, title: "Database unavailable", outcome: outcomeFailed, retry: true,
		detail: "The database does not answer." + nothingChanged, // an obstacle replaces the first sentence
	}
	outcomeUnknown = kind{
		status: http.StatusServiceUnavailable, code: problem.CodeOutcomeUnknown, title: "Outcome unknown", outcome: outcomeUnsure, retry: true,
		detail: "The connection to the database broke during a write, so the write may or may not have happened. If the answer has a " +
			"Location header, read that path to find out. It is safe to retry a refund, or a purchase with an Idempotency-Key.",
	}
	notReady = kind{
		status: http.StatusServiceUnavailable, code: problem.CodeNotReady, title: "Not ready", retry: true,
		detail: "The fault plan makes this server report that it is not ready.",
	}
	scrapeDown = kind{
		status: http.StatusServiceUnavailable, code: problem.CodeInjected, title: "Injected fault",
		detail: "The fault plan makes scrapes of the metrics fail.",
	}

	injected = kind{
		status: http.StatusInternalServerError, code: problem.CodeInjected, title: "Injected fault", outcome: outcomeFailed,
		detail: "The fault plan made this call fail. Nothing was changed.",
	}
	internal = kind{
		status: http.StatusInternalServerError, code: problem.CodeInternal, title: "Internal error", outcome: outcomeFailed,
		detail: "An unexpected error occurred. The server's log has the details.",
	}
	clientGone = kind{
		status: statusClientGone, code: problem.CodeClientGone, title: "Client disconnected", outcome: outcomeAbandoned,
		detail: "The client closed the connection before the server answered. Nothing was changed.",
	}
)

// kindOf returns the kind of problem for an error, or nil for an unexpected error.
func kindOf(err error) *kind {
	for _, row := range []struct {
		err  error
		kind *kind
	}{
		{item.ErrNotFound, &itemNotFound},
		{item.ErrUnauthorized, &tokenRefused},
		// Before the other database errors: it may wrap one of them, which then
		// describes only one of several attempts.
		{sale.ErrOutcomeUnknown, &outcomeUnknown},
		// Before the injected error: a simulated database failure is answered
		// like a real one.
		{sale.ErrUnavailable, &unavailable},
		{fault.ErrDenied, &denied},
		{fault.ErrInjected, &injected},
		{fault.ErrMalformed, &malformed},
		{fault.ErrChanged, &busy},
		{sale.ErrBusy, &busy},
		{sale.ErrStopping, &stopping},
		{sale.ErrConflict, &busy},
		{sale.ErrRefused, &refused},
		// The server's own time limit, not the client's disconnect: see problemOf.
		{context.DeadlineExceeded, &unavailable},
	} {
		if errors.Is(err, row.err) {
			return row.kind
		}
	}
	return nil
}
