package sale

import "errors"

// ObstacleError is the ErrUnavailable of a database that answers, and yet lets no
// purchase be written: it only reads, the role lacks a privilege, there is no
// connection left.
type ObstacleError struct {
	// Reason says what is in the way, as an error does: "the database is
	// read-only". Strangers may read it, so that it names no host, role or table.
	Reason string
	// Remedy tells the operator what helps, on one line, such as a GRANT
	// statement. It is empty where Err says all.
	Remedy string
	// Lasting says that it does not pass by itself, as a missing privilege does not.
	Lasting bool
	// Err is what the database said.
	Err error
}

// Error returns the reason, the database's own words and the remedy, for the
// operator.
func (o *ObstacleError) Error() string {
	text := o.Reason
	if o.Err != nil {
		text += ": " + o.Err.Error()
	}
	if o.Remedy != "" {
		text += ": " + o.Remedy
	}
	return text
}

// Unwrap returns ErrUnavailable and what the database said.
func (o *ObstacleError) Unwrap() []error { return []error{ErrUnavailable, o.Err} }

// reasonOf returns what tells one cause of unavailability from another. What a
// database that does not answer makes of a call differs from call to call, and
// is one cause.
func reasonOf(err error) string {
	var o *ObstacleError
	switch {
	case err == nil:
		return ""
	case errors.As(err, &o):
		return o.Reason + o.Remedy
	}
	return "no answer"
}
