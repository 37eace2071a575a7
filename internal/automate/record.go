package automate

import (
	"context"
	"time"
)

// Call is one call that was made, as it is recorded.
type Call struct {
	// Time is when it was made.
	Time         time.Time
	User         string
	Method, Path string
	// Status is the HTTP status; 0 if there was no answer.
	Status int
	// Error is the kind of error; empty for a success.
	Error string
	// Message is what the server says about the error, or what the network says, on
	// one line of at most some 200 characters; empty for a success.
	Message string
	// Attempt counts the tries of the same operation from 1.
	Attempt  int
	Duration time.Duration
}

// Recorder keeps calls.
type Recorder interface {
	// Record takes a call and never waits: what it has no room for is lost.
	Record(c Call)
	// Counts returns how many calls were written and how many are lost.
	Counts() (written, lost int64)
	// Close writes what was taken, as far as that is possible before the context
	// ends, and counts the rest as lost. It returns the first error met that
	// calls were lost by, or nil if none is.
	Close(ctx context.Context) error
}

// Nowhere is the [Recorder] of who wants no record.
type Nowhere struct{}

// Record forgets the call.
func (Nowhere) Record(Call) {}

// Counts returns 0.
func (Nowhere) Counts() (written, lost int64) { return 0, 0 }

// Close does nothing.
func (Nowhere) Close(context.Context) error { return nil }
