package sale

import "errors"

// ObstacleError is the ErrUnavailable of a database that answers but does not allow
// purchases to be written: it is read-only, the role lacks a privilege, or all
// connections are in use.
type ObstacleError struct {
	// Reason is the cause in the style of an error: "the database is read-only". API
	// clients see it, so it must not name a host, role or table.
	Reason string
	// Remedy is what the operator should do, on one line, such as a GRANT statement.
	// It is empty if Err is sufficient.
	Remedy string
	// Lasting means that the obstacle remains until an operator acts, such as a
	// missing privilege.
	Lasting bool
	// Err is the error from the database.
	Err error
}

// Error returns the reason, the database's error and the remedy, for the operator.
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

// Unwrap returns ErrUnavailable and the database's error.
func (o *ObstacleError) Unwrap() []error { return []error{ErrUnavailable, o.Err} }

// reasonOf returns a text that is equal for equal causes of unavailability. All errors of
// a database that does not answer count as one cause, because they differ from call to
// call.
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
