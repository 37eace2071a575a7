package prom

import (
	"bytes"
	"maps"
	"net/http"
	"sync/atomic"
)

const (
	// maxAnswer is how long an answer of the API may be, in bytes, as it is sent.
	maxAnswer = 16 << 20
	// maxUnread is how many bytes of answers are kept for clients that have not read
	// them yet. Answers up to smallAnswer do not count.
	maxUnread   = 64 << 20
	smallAnswer = 64 << 10
)

// answer keeps an answer until the call has left the turnstile, so that a client
// that reads slowly holds no place in it.
type answer struct {
	header  http.Header
	status  int
	body    bytes.Buffer
	tooLong bool
}

var _ http.ResponseWriter = (*answer)(nil)

func newAnswer() *answer { return &answer{header: make(http.Header), status: http.StatusOK} }

func (a *answer) Header() http.Header { return a.header }

func (a *answer) WriteHeader(status int) { a.status = status }

func (a *answer) Write(p []byte) (int, error) {
	if a.body.Len()+len(p) > maxAnswer {
		a.tooLong = true
		return len(p), nil
	}
	return a.body.Write(p)
}

// send hands the answer on. unread counts the bytes of all answers under way.
func (a *answer) send(w http.ResponseWriter, unread *atomic.Int64) {
	size := int64(a.body.Len())
	if size > smallAnswer {
		defer unread.Add(-size)
		if unread.Add(size) > maxUnread {
			a.body = bytes.Buffer{}
			w.Header().Set("Retry-After", "1")
			answerError(w, http.StatusServiceUnavailable, "unavailable", "too many long answers wait for their clients to read them")
			return
		}
	}
	maps.Copy(w.Header(), a.header)
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body.Bytes()) // an error means that the client has gone
}
