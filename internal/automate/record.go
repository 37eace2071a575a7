package automate

import (
	"context"
	"time"
)

// Call is the record of one call.
type Call struct {
	// Time is when the call began.
	Time         time.Time
	User         string
	Method, Path string
	// Status is the HTTP status; 0 if there was no answer.
	Status int
	// Error is the kind of error; empty for a success.
	Error string
	// Message is the error message from the server or the network, on one line of
	// about 200 characters at most; empty for a success.
	Message string
	// Attempt counts the attempts at the same operation, from 1.
	Attempt  int
	Duration time.Duration
}

// Recorder records calls.
type Recorder interface {
	// Record queues a call and never blocks. If the queue is full, the call is lost.
	Record(c Call)
	// Counts returns the numbers of calls written and lost.
	Counts() (written, lost int64)
	// Close writes the queued calls until the context ends, and counts the rest as
	// lost. It returns the first error because of which a call was lost, or nil.
	Close(ctx context.Context) error
}

// Nowhere is a [Recorder] that discards all calls.
type Nowhere struct{}

// Record discards the call.
func (Nowhere) Record(Call) {}

// Counts returns 0.
func (Nowhere) Counts() (written, lost int64) { return 0, 0 }

// Close does nothing.
func (Nowhere) Close(context.Context) error { return nil }
