package crowd

import (
	"fmt"
	"net/http"
)

// problem is an error as clients see it, in the form of all problems of the
// API: RFC 9457 with extension members.
type problem struct {
	Type    string         `json:"type"`
	Title   string         `json:"title"`
	Status  int            `json:"status"`
	Detail  string         `json:"detail"`
	Code    string         `json:"code"`
	Message string         `json:"message"`
	Errors  []fieldProblem `json:"errors,omitempty"`
}

// fieldProblem says which field breaks which rule.
type fieldProblem struct {
	Field   string `json:"field"`
	Message string `json:"message"`
}

func newProblem(status int, code, title, detail string, fields ...fieldProblem) *problem {
	p := &problem{
		Type: "urn:onsale:problem:" + code, Title: title, Status: status,
		Detail: detail, Code: code, Message: title, Errors: fields,
	}
	if len(fields) > 0 {
		p.Message = fields[0].Field + " " + fields[0].Message
		p.Detail = "The field " + p.Message + ". " + detail
	}
	return p
}

func (p *problem) write(w http.ResponseWriter) { answer(w, p.Status, "application/problem+json", p) }

const nothingChanged = "Nothing was changed."

func invalid(fields ...fieldProblem) *problem {
	return newProblem(http.StatusUnprocessableEntity, "invalid", "Invalid request", nothingChanged, fields...)
}

func malformed(rule string) *problem {
	return newProblem(http.StatusBadRequest, "malformed", "Malformed request", nothingChanged, fieldProblem{"body", rule})
}

func tooLarge() *problem {
	return newProblem(http.StatusRequestEntityTooLarge, "too_large", "Request too large", nothingChanged,
		fieldProblem{"body", fmt.Sprintf("must be at most %d bytes long", maxBody)})
}

func unsupported() *problem {
	return newProblem(http.StatusUnsupportedMediaType, "unsupported_media_type", "Unsupported media type", nothingChanged,
		fieldProblem{"body", "must be " + jsonType})
}

func methodNotAllowed() *problem {
	return newProblem(http.StatusMethodNotAllowed, "method_not_allowed", "Method not allowed",
		"The path exists, but not for this method. The header Allow names those it has.")
}
