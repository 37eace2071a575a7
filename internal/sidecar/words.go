package sidecar

import (
	"bytes"
	"io"
	"strings"
	"sync"
)

// maxLine limits the bytes of an incomplete line of the child's standard error that are
// buffered.
const maxLine = 4 << 10

// words passes on the lines of a child's standard error, except those with the prefix
// own. It remembers the last of these, or the runtime's message about a panic or fatal
// error, as the reason of the child's end.
type words struct {
	out io.Writer
	own string // prefix of lines with a reason

	mu   sync.Mutex
	line []byte // incomplete line
	last string
}

// Write handles a part of the output. It never fails, so that an error of out does not
// end the child.
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

// take remembers a line that is a reason, and passes on every line without the prefix.
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

// reason returns the remembered reason, or "" if there is none.
func (w *words) reason() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.last
}
