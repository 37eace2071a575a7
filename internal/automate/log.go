package automate

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// logRoom is the maximum number of calls waiting to be written. At PoliteRate that
	// is several minutes, in case the disk is slow.
	logRoom = 10_000
	// logBatch is the maximum number of lines in one write.
	logBatch = 500
)

// ErrNoRoom means that calls arrived faster than they could be written.
var ErrNoRoom = errors.New("calls arrived faster than they could be recorded")

// Log records calls as lines of JSON.
type Log struct {
	w      io.Writer
	calls  chan Call
	done   chan struct{}
	broken bool // the last line is incomplete

	closing sync.Once
	// taken is the number of recorded calls. Each is written, lost or waiting.
	taken, written, lost atomic.Int64
	failure              atomic.Pointer[error] // the first error
}

var _ Recorder = (*Log)(nil)

// NewLog returns a log that writes to w. Close it before w.
func NewLog(w io.Writer) *Log {
	l := &Log{w: w, calls: make(chan Call, logRoom), done: make(chan struct{})}
	go l.run()
	return l
}

// Record implements [Recorder]. It must not be called after Close.
func (l *Log) Record(c Call) {
	l.taken.Add(1)
	select {
	case l.calls <- c:
	default:
		l.lose(1, ErrNoRoom)
	}
}

// Counts implements [Recorder].
func (l *Log) Counts() (written, lost int64) { return l.written.Load(), l.lost.Load() }

// Close implements [Recorder].
func (l *Log) Close(ctx context.Context) error {
	l.closing.Do(func() { close(l.calls) })
	select {
	case <-l.done:
	case <-ctx.Done():
		// The writer hangs, so all calls that are not written are lost.
		l.lose(l.taken.Load()-l.written.Load()-l.lost.Load(), fmt.Errorf("write log: %w", context.Cause(ctx)))
	}
	if err := l.failure.Load(); err != nil {
		return *err
	}
	return nil
}

// run writes calls. If several are waiting, it writes their lines in one batch.
func (l *Log) run() {
	defer close(l.done)
	var batch bytes.Buffer
	for c := range l.calls {
		batch.Reset()
		lines := int64(1)
		appendLine(&batch, c)
		for len(l.calls) > 0 && lines < logBatch {
			appendLine(&batch, <-l.calls)
			lines++
		}
		l.write(batch.Bytes(), lines)
	}
}

// write writes a batch of lines. A line counts as written once its newline is.
func (l *Log) write(batch []byte, lines int64) {
	if l.broken { // end the incomplete line, so that the next one is intact
		if _, err := l.w.Write([]byte("\n")); err != nil {
			l.lose(lines, fmt.Errorf("write log: %w", err))
			return
		}
		l.broken = false
	}
	n, err := l.w.Write(batch)
	whole := int64(bytes.Count(batch[:n], []byte("\n")))
	l.written.Add(whole)
	if err != nil {
		l.broken = n > 0 && batch[n-1] != '\n'
		l.lose(lines-whole, fmt.Errorf("write log: %w", err))
	}
}

func (l *Log) lose(lines int64, err error) {
	if lines > 0 {
		l.lost.Add(lines)
		l.failure.CompareAndSwap(nil, &err)
	}
}

// line is a call in the log.
type line struct {
	Time       string  `json:"time"`
	User       string  `json:"user"`
	Method     string  `json:"method"`
	Path       string  `json:"path"`
	Status     int     `json:"status"`
	Error      string  `json:"error,omitempty"`
	Message    string  `json:"message,omitempty"`
	Attempt    int     `json:"attempt"`
	DurationMS float64 `json:"duration_ms"`
}

func appendLine(w *bytes.Buffer, c Call) {
	text, err := json.Marshal(line{
		Time: c.Time.UTC().Format("2006-01-02T15:04:05.000000Z"), User: c.User, Method: c.Method, Path: c.Path,
		Status: c.Status, Error: c.Error, Message: c.Message, Attempt: c.Attempt, DurationMS: Milliseconds(c.Duration),
	})
	if err != nil { // strings and numbers can always be encoded
		panic(err)
	}
	w.Write(text)
	w.WriteByte('\n')
}

// Milliseconds returns a duration in milliseconds, rounded to a microsecond.
func Milliseconds(d time.Duration) float64 {
	return math.Round(float64(d)/float64(time.Microsecond)) / 1000
}
