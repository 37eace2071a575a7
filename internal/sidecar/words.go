package sidecar

import (
	"bytes"
	"io"
	"strings"
	"sync"
)

// maxLine is how much of a line of the child's standard error is kept until it is
// complete, in bytes.
const maxLine = 4 << 10

// words passes on what a child writes to its standard error, line by line, and keeps
// back why the child ends: the last line of the program's own. It also remembers why
// the runtime ended it.
type words struct {
	out io.Writer
	own string // how the program's own lines begin

	mu   sync.Mutex
	line []byte // the line that is not complete yet
	last string
}

// Write takes a part of what was written. It never fails, as a child must not end
// because nobody reads its messages.
func (w *words) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for line := range bytes.Lines(p) {
		w.line = append(w.line, line...)
		if len(w.line) >= maxLine || bytes.HasSuffix(w.line, []byte("\n")) {
			w.take(string(w.line))
			w.line = w.line[:0]
		}
	}
	return len(p), nil
}

// take keeps a line that says why the child ends, and passes on all but those of the
// program's own.
func (w *words) take(line string) {
	if reason, own := strings.CutPrefix(line, w.own); own && w.own != "" {
		w.last = strings.TrimSpace(reason)
		return
	}
	if strings.HasPrefix(line, "fatal error: ") || strings.HasPrefix(line, "panic: ") {
		w.last = strings.TrimSpace(line)
	}
	_, _ = io.WriteString(w.out, line)
}

// reason returns the last words, or nothing.
func (w *words) reason() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.last
}
