package server

import (
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"onsale/internal/problem"
)

// problemOfHuma returns the problem for the errors that Huma, or the Resolve method of
// an input, found in a request before its handler ran.
func problemOfHuma(e *huma.ErrorModel) *Problem {
	fields := make([]problem.FieldProblem, 0, len(e.Errors))
	for _, detail := range e.Errors {
		fields = append(fields, problem.FieldProblem{Field: fieldName(detail.Location), Rule: rule(detail.Message)})
	}
	switch e.Status {
	case http.StatusUnprocessableEntity:
		return invalid.problem(fields...)
	case http.StatusBadRequest:
		return malformed.problem(fields...)
	case http.StatusRequestEntityTooLarge:
		return tooLarge.problem(fields...)
	case http.StatusUnsupportedMediaType:
		return notJSON.problem(fields...)
	case http.StatusRequestTimeout:
		return bodyTimeout.problem(fields...)
	}
	return internal.problem()
}

// fieldName turns Huma's location of an error, such as path.concert_id, into the name of
// the field.
func fieldName(location string) string {
	_, name, ok := strings.Cut(location, ".")
	if !ok {
		return location
	}
	return name
}

// rule rewrites Huma's message about a parameter in the style of all other rules. It
// does not repeat the client's value.
func rule(message string) string {
	switch {
	case message == "invalid integer":
		return "must be an integer of at most 64 bits"
	case strings.HasPrefix(message, "invalid value"): // from a uuid.UUID
		return "must be a UUID"
	}
	for _, words := range []struct{ huma, ours string }{
		{"expected number >= ", "must be at least "},
		{"expected number <= ", "must be at most "},
	} {
		if limit, ok := strings.CutPrefix(message, words.huma); ok {
			return words.ours + limit
		}
	}
	return message
}
