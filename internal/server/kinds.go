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

// kind is one kind of problem: how it is told to the client, and as what it
// counts if it is the answer to a purchase.
type kind struct {
	status int
	code   string
	title  string
	// message is what old clients read; empty for the title.
	message string
	detail  string
	outcome outcome
	// retry says that the same request may succeed in a second.
	retry bool
}

// nothingChanged ends the detail of a problem that may pass.
const nothingChanged = " Nothing was changed; come again."

// statusClientGone counts a client that hung up before it had its answer. It is
// never received by anybody; nginx made the number known.
const statusClientGone = 499

// Every problem that the API answers with stands here, and nowhere else.
var (
	denied = kind{
		status: http.StatusConflict, code: problem.CodeDenied, title: problem.MessageDenied, outcome: outcomeDenied,
		detail: "This purchase was denied and nothing was sold. Another try may succeed.",
	}
	soldOut = kind{
		status: http.StatusConflict, code: problem.CodeSoldOut, title: problem.MessageSoldOut, outcome: outcomeSoldOut,
		detail: "Fewer tickets are left than were asked for. Nothing was sold.",
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
		message: problem.MessageNoPath, detail: "There is nothing at this path. What there is, / leads to.",
	}
	methodNotAllowed = kind{
		status: http.StatusMethodNotAllowed, code: problem.CodeMethodNotAllowed, title: "Method not allowed",
		detail: "The path exists, but not for this method. The header Allow names those it has.",
	}

	invalid = kind{
		status: http.StatusUnprocessableEntity, code: problem.CodeInvalid, title: "Invalid request", outcome: outcomeInvalid,
		detail: "Nothing was changed.",
	}
	keyReused = kind{
		status: http.StatusUnprocessableEntity, code: problem.CodeKeyReused, title: "Idempotency key reused", outcome: outcomeInvalid,
		detail: "This Idempotency-Key has bought something else before: another concert, e-mail or quantity. Nothing was sold.",
	}
	refused = kind{
		status: http.StatusUnprocessableEntity, code: problem.CodeRefused, title: "Refused by the database", outcome: outcomeFailed,
		detail: "The database does not accept what was sent. Nothing was changed.",
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
		detail:  "This call needs the header Authorization: Bearer with the admin token.",
	}
	// tokenRefused has no word on why, so that every refusal is the same.
	tokenRefused = kind{
		status: http.StatusForbidden, code: problem.CodeUnauthorized, title: "Unauthorized",
		detail: "This call needs the header Token with a token of POST /api/token that has not expired. " +
			"A header User-ID must name the user that the token was issued to.",
	}
	adminDisabled = kind{
		status: http.StatusForbidden, code: problem.CodeAdminDisabled, title: "Admin calls are disabled",
		detail: "No admin token is set, so that admin calls are only answered on a loopback address, for a Host such as localhost, " +
			"in HTTP/1.1 and without a proxy. Set one with ONSALE_ADMIN_TOKEN or --admin-token-file; the value none opens these calls to everybody.",
	}
	crossOrigin = kind{
		status: http.StatusForbidden, code: problem.CodeCrossOrigin, title: "Cross-origin request refused", outcome: outcomeInvalid,
		detail: "A page of another origin may not change anything here.",
	}
	crossSiteRead = kind{
		status: http.StatusForbidden, code: problem.CodeCrossOrigin, title: "Cross-origin request refused",
		detail: "A page of another site must not make a browser read this, and must not link to it. Type the address, or link to /.",
	}
	foreignHost = kind{
		status: http.StatusMisdirectedRequest, code: problem.CodeForeignHost, title: "Unknown host name",
		detail: "The request names a host that this server does not know. No admin token protects the server, and any web page can " +
			"point its own domain here, so only IP addresses, names without a dot, *.localhost and host.docker.internal are accepted. " +
			"Add the server's own names with --allowed-hosts or ONSALE_ALLOWED_HOSTS.",
	}
	tooManyTries = kind{
		status: http.StatusTooManyRequests, code: problem.CodeTooManyTries, title: "Too many wrong tokens",
		detail: "This address has sent too many wrong admin tokens within a minute. The right token is accepted at any time.",
	}

	busy = kind{
		status: http.StatusServiceUnavailable, code: problem.CodeBusy, title: "Busy", outcome: outcomeShed, retry: true,
		detail: "Too much is going on at once. Nothing was changed; come again.",
	}
	stopping = kind{
		status: http.StatusServiceUnavailable, code: problem.CodeStopping, title: "Stopping", outcome: outcomeShed, retry: true,
		detail: "This server is being stopped. Nothing was changed; come again.",
	}
	unavailable = kind{
		status: http.StatusServiceUnavailable, code: problem.CodeUnavailable, title: "Database unavailable", outcome: outcomeFailed, retry: true,
		detail: "The database does not answer." + nothingChanged, // an obstacle says what else it is
	}
	outcomeUnknown = kind{
		status: http.StatusServiceUnavailable, code: problem.CodeOutcomeUnknown, title: "Outcome unknown", outcome: outcomeUnsure, retry: true,
		detail: "The database was cut off while it wrote. The header Location, where there is one, names the place that will tell " +
			"whether it was written. A request with an Idempotency-Key, and a refund, may be repeated.",
	}
	notReady = kind{
		status: http.StatusServiceUnavailable, code: problem.CodeNotReady, title: "Not ready", retry: true,
		detail: "The fault plan says that this server is not ready.",
	}
	scrapeDown = kind{
		status: http.StatusServiceUnavailable, code: problem.CodeInjected, title: "Injected fault",
		detail: "The fault plan says that the metrics cannot be scraped.",
	}

	injected = kind{
		status: http.StatusInternalServerError, code: problem.CodeInjected, title: "Injected fault", outcome: outcomeFailed,
		detail: "The fault plan made this call fail. Nothing was changed.",
	}
	internal = kind{
		status: http.StatusInternalServerError, code: problem.CodeInternal, title: "Internal error", outcome: outcomeFailed,
		detail: "Something went wrong that should not. It is in the server's log.",
	}
	clientGone = kind{
		status: statusClientGone, code: problem.CodeClientGone, title: "Client hung up", outcome: outcomeAbandoned,
		detail: "The client closed the connection before it was answered. Nothing was changed.",
	}
)

// kindOf returns the kind of problem that an error is, or nil for one that
// should not happen.
func kindOf(err error) *kind {
	for _, row := range []struct {
		err  error
		kind *kind
	}{
		// First of all: what else the error wraps speaks for one try of several.
		{item.ErrNotFound, &itemNotFound},
		{item.ErrUnauthorized, &tokenRefused},
		{sale.ErrOutcomeUnknown, &outcomeUnknown},
		// Before the injected error: a simulated trouble of the database is
		// answered as a real one is.
		{sale.ErrUnavailable, &unavailable},
		{fault.ErrDenied, &denied},
		{fault.ErrInjected, &injected},
		{fault.ErrMalformed, &malformed},
		{fault.ErrChanged, &busy},
		{sale.ErrBusy, &busy},
		{sale.ErrStopping, &stopping},
		{sale.ErrConflict, &busy},
		{sale.ErrRefused, &refused},
		// The limit of a single call, not the client's patience: see problemOf.
		{context.DeadlineExceeded, &unavailable},
	} {
		if errors.Is(err, row.err) {
			return row.kind
		}
	}
	return nil
}
