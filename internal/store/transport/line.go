package transport

import "strings"

// flatError is an error whose message is one line.
type flatError struct{ error }

// OneLine returns an error of the driver with its message on one line. The driver's
// message has a line for each address that it tried.
func OneLine(err error) error { return flatError{err} }

func (e flatError) Error() string {
	return strings.NewReplacer(":\n\t", ": ", "\n\t", "; ", "\n", " ").Replace(e.error.Error())
}

func (e flatError) Unwrap() error { return e.error }
