// Package field has the error that names which field of a request, an order or a setting
// breaks which rule. Every room may return one; the HTTP handlers answer it with 422.
package field

import "fmt"

// Error says which field breaks which rule.
type Error struct {
	// Field is the field's name in the API: user_email, quantity, title, …
	Field string
	// Rule is the rule, to be read after the name: "must be …".
	Rule string
}

// Error returns field and rule.
func (e *Error) Error() string { return e.Field + " " + e.Rule }

// Errorf returns an [Error] with a formatted rule.
func Errorf(name, format string, args ...any) *Error {
	return &Error{Field: name, Rule: fmt.Sprintf(format, args...)}
}
