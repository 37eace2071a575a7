// Package stats counts and times what a load test sends: HDR histograms with
// three significant digits, a name at a time and in total, a point of the time
// series each interval, and the failures by kind.
package stats

import "time"

// Class says what an answer was, as seen by whoever judges the target.
type Class uint8

const (
	// OK is an answer as it was wanted.
	OK Class = iota
	// Business is an answer that the target is right to give and that the user
	// did not want: a denial, or sold out. It is no failure.
	Business
	// Failed is a transport error, an unexpected status or a failed check.
	Failed
)

// Kinds of failures beside those of the wire.
const (
	// KindStatus is a status that was not expected.
	KindStatus = "status"
	// KindCheck is an answer whose check failed.
	KindCheck = "check"
	// KindTask is an error of the task itself: it panicked.
	KindTask = "task"
	// KindCutOff is a request that had no answer when the run ended and the time
	// for stopping was over. Its times are its age: it would have taken longer.
	KindCutOff = "cut_off"
)

// Outcome is what came of one request.
type Outcome struct {
	Class Class
	// Kind is the kind of a failure (one of the wire's, KindStatus, KindCheck…),
	// or the name of a business outcome (denied, sold_out).
	Kind string
	// Detail says more about a failure to a person: "want 200, got 503". Equal failures
	// have equal details: nothing in it differs from one request to the next.
	Detail string
	// Example is what the answer to a failure said. It is given for the first one of
	// its kind and detail alone: see [Entry.WantsExample].
	Example string
}

// Sample is one request.
type Sample struct {
	// Response is the time from when the request was due, and Service that from
	// when it was sent, to the end of the answer.
	Response, Service time.Duration
	// Bytes is the size of the answer's body.
	Bytes   int64
	Outcome Outcome
	// At is when the answer was there; zero if nobody knows.
	At time.Time
}

// Gauges are what stands beside the requests in one interval.
type Gauges struct {
	// Users is how many users there are, and Wanted how many users, or tasks a
	// second in the open model, there should be.
	Users  int
	Wanted float64
	// InFlight is how many tasks are under way in the open model.
	InFlight int
	// NotSent is how many due tasks were not begun in the interval.
	NotSent int64
	// Lag is the tester's own median lateness in the interval, and CPU the share of what it may use, 0 to 1.
	Lag time.Duration
	CPU float64
}
