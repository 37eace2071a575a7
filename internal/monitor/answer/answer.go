// Package answer keeps answers until they are complete, so that a client that reads
// slowly holds up nobody who waits to be answered, and bounds how much is kept.
package answer

import (
	"bytes"
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
