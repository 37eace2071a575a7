// Package reply keeps answers until they are complete, so that a client that reads
// slowly does not delay the others. It bounds how much is kept.
package reply

import (
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"sync/atomic"
)

const (
	// MaxLength is how long an answer may be, in bytes, as it is sent.
	MaxLength = 16 << 20
	// maxUnread is how many bytes of answers are kept for clients that have not read
	// them yet. Answers up to small do not count.
	maxUnread = 64 << 20
	small     = 64 << 10
	// making is how many answers of a [Few] are made at the same time. An answer with
	// all silences takes several times the memory that they take themselves.
	making = 2
)

// Kept is an answer that is not sent yet.
type Kept struct {
	header  http.Header
	status  int
	body    bytes.Buffer
	tooLong bool
}

var _ http.ResponseWriter = (*Kept)(nil)

// New returns an empty answer.
func New() *Kept { return &Kept{header: make(http.Header), status: http.StatusOK} }

// Header returns that of the answer to come.
func (k *Kept) Header() http.Header { return k.header }

// WriteHeader keeps the status.
func (k *Kept) WriteHeader(status int) { k.status = status }

// Write keeps a part of the body, up to MaxLength bytes altogether.
func (k *Kept) Write(p []byte) (int, error) {
	if k.body.Len()+len(p) > MaxLength {
		k.tooLong = true
		return len(p), nil
	}
	return k.body.Write(p)
}

// Status returns the kept status.
func (k *Kept) Status() int { return k.status }

// TooLong reports whether more than MaxLength bytes were written.
func (k *Kept) TooLong() bool { return k.tooLong }

// Outlet sends kept answers to clients. Its zero value is ready for use.
type Outlet struct{ unread atomic.Int64 }

// Send hands an answer on and waits until the client has read it. If too many bytes
// wait for their clients already, it sends nothing and returns false.
func (o *Outlet) Send(w http.ResponseWriter, k *Kept) bool {
	if size := int64(k.body.Len()); size > small {
		defer o.unread.Add(-size)
		if o.unread.Add(size) > maxUnread {
			return false
		}
	}
	maps.Copy(w.Header(), k.header)
	w.WriteHeader(k.status)
	_, _ = w.Write(k.body.Bytes()) // A client that left cannot be told.
	return true
}

// Busy is why Send returns false.
const Busy = "too many long answers wait for their clients to read them"

// Few lets a handler make few answers at a time, and lets the next call in before an
// answer is sent. Refuse answers the calls that are refused.
func Few(next http.Handler, refuse func(w http.ResponseWriter, status int, message string)) http.Handler {
	inside := make(chan struct{}, making)
	outlet := new(Outlet)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case inside <- struct{}{}:
		case <-r.Context().Done():
			return
		}
		kept := New()
		func() {
			defer func() { <-inside }()
			if r.Context().Err() == nil {
				next.ServeHTTP(kept, r)
			}
		}()
		switch {
		case kept.TooLong():
			refuse(w, http.StatusUnprocessableEntity, fmt.Sprintf("the answer is longer than %d MB; ask for less", MaxLength>>20))
		case !outlet.Send(w, kept):
			w.Header().Set("Retry-After", "1")
			refuse(w, http.StatusServiceUnavailable, Busy)
		}
	})
}
