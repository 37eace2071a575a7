// Package reply buffers responses until they are complete, so that a client that reads
// slowly does not delay others. It limits the memory for buffers.
package reply

import (
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"sync/atomic"
)

const (
	// MaxLength limits the body of a response, in bytes.
	MaxLength = 16 << 20
	// maxUnread limits the responses that are buffered for clients that have not read
	// them, in bytes. Responses up to small do not count.
	maxUnread = 64 << 20
	small     = 64 << 10
	// making is how many calls of a handler of [Few] run at the same time. A response
	// with all silences takes several times their own memory.
	making = 2
)

// Kept is a buffered response. It implements [http.ResponseWriter].
type Kept struct {
	header  http.Header
	status  int
	body    bytes.Buffer
	tooLong bool
}

var _ http.ResponseWriter = (*Kept)(nil)

// New returns an empty response.
func New() *Kept { return &Kept{header: make(http.Header), status: http.StatusOK} }

// Header returns the header of the response.
func (k *Kept) Header() http.Header { return k.header }

// WriteHeader sets the status.
func (k *Kept) WriteHeader(status int) { k.status = status }

// Write appends to the body. It drops data that would exceed MaxLength, and returns no
// error.
func (k *Kept) Write(p []byte) (int, error) {
	if k.body.Len()+len(p) > MaxLength {
		k.tooLong = true
		return len(p), nil
	}
	return k.body.Write(p)
}

// Status returns the status.
func (k *Kept) Status() int { return k.status }

// TooLong reports whether more than MaxLength bytes were written.
func (k *Kept) TooLong() bool { return k.tooLong }

// Outlet sends buffered responses to clients. The zero value is ready for use.
type Outlet struct{ unread atomic.Int64 }

// Send writes a response and waits until the client has read it. If too many bytes are
// waiting for their clients already, it writes nothing and returns false.
func (o *Outlet) Send(w http.ResponseWriter, k *Kept) bool {
	if size := int64(k.body.Len()); size > small {
		defer o.unread.Add(-size)
		if o.unread.Add(size) > maxUnread {
			return false
		}
	}
	maps.Copy(w.Header(), k.header)
	w.WriteHeader(k.status)
	_, _ = w.Write(k.body.Bytes()) // an error means that the client has disconnected
	return true
}

// Busy is the error message for a response that Send did not write.
const Busy = "too many long answers are waiting for their clients to read them; retry in a moment"

// Few wraps a handler so that only two calls run at the same time. The next call can start
// before a response is sent. refuse writes the error for a call whose response is too
// long, or cannot be buffered.
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
			refuse(w, http.StatusUnprocessableEntity, fmt.Sprintf("the answer is longer than %d MB; request less", MaxLength>>20))
		case !outlet.Send(w, kept):
			w.Header().Set("Retry-After", "1")
			refuse(w, http.StatusServiceUnavailable, Busy)
		}
	})
}
