// Package stats counts and times the requests of a load test: HDR histograms with three
// significant digits for each name and in total, a time series, and the failures by
// kind.
package stats

import "time"

// Class is the class of an answer, from the point of view of the target's operator.
type Class uint8

const (
	// OK is an answer with the expected result.
	OK Class = iota
	// Business is a correct answer that the user did not want, such as denied or sold
	// out. It is not a failure.
	Business
	// Failed is a transport error, an unexpected status or a failed check.
	Failed
)

// Kinds of failures, in addition to those of package wire.
const (
	// KindStatus is an unexpected status.
	KindStatus = "status"
	// KindCheck is an answer whose check failed.
	KindCheck = "check"
	// KindTask is an error of the task itself: it panicked.
	KindTask = "task"
	// KindCutOff is a request without an answer when the stop timeout at the end of the
	// run was over. Its times are its age, because the answer would have taken longer.
	KindCutOff = "cut_off"
)

// Outcome is the outcome of one request.
type Outcome struct {
	Class Class
	// Kind is the kind of a failure (one of package wire, KindStatus, KindCheck…), or
	// the name of a business outcome (denied, sold_out).
	Kind string
	// Detail describes a failure to people: "want 200, got 503". It must contain
	// nothing that differs from one request to the next, so that equal failures have
	// equal details.
	Detail string
	// Example is an excerpt of the answer to a failure. Only the first failure of a
	// kind and detail has one: see [Entry.WantsExample].
	Example string
}

// Sample is one request.
type Sample struct {
	// Response is the time from the moment the request was due to the end of the
	// answer. Service is the time from sending it to the end of the answer.
	Response, Service time.Duration
	// Bytes is the size of the answer's body.
	Bytes   int64
	Outcome Outcome
	// At is when the answer was complete; zero if unknown.
	At time.Time
}

// Gauges are the other figures of an interval.
type Gauges struct {
	// Users is the number of running users. Wanted is the wanted number of users, or of
	// tasks a second in the open model.
	Users  int
	Wanted float64
	// InFlight is the number of tasks under way in the open model.
	InFlight int
	// NotSent is the number of due tasks that were not begun in the interval.
	NotSent int64
	// Lag is the load tester's own median lag in the interval, and CPU the used share
	// of its processors, 0 to 1.
	Lag time.Duration
	CPU float64
}
