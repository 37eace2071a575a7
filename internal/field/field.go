// Package field has the error for a field of a request, an order or a setting that breaks
// a rule. Any package can return it; the HTTP handlers answer it with 422.
package field

import "fmt"

// Error names a field and the rule that it breaks.
type Error struct {
	// Field is the field's name in the API: user_email, quantity, title, …
	Field string
	// Rule is the rule without the field's name: "must be …".
	Rule string
}

// Error returns the field's name and the rule.
func (e *Error) Error() string { return e.Field + " " + e.Rule }

// Errorf returns an [Error] with a formatted rule.
func Errorf(name, format string, args ...any) *Error {
	return &Error{Field: name, Rule: fmt.Sprintf(format, args...)}
}
