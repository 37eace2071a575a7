package automate

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"
)

// The intervals of progress reports: of rewriting one line on a terminal, and of printing
// a new line elsewhere.
const (
	liveInterval = 250 * time.Millisecond
	lineInterval = 5 * time.Second
)

// Progress writes progress reports to w until the context ends. On a terminal it rewrites
// one line, and removes it at the end.
func (a *Automation) Progress(ctx context.Context, w io.Writer, terminal bool) {
	interval := lineInterval
	if terminal {
		interval = liveInterval
	}
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	width := 0 // of the current line
	rewrite := func(line string) {
		length := utf8.RuneCountInString(line)
		fmt.Fprintf(w, "\r%s%s\r", line, strings.Repeat(" ", max(width-length, 0)))
		width = length
	}
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			if terminal {
				rewrite("")
			}
			return
		}
		if terminal {
			rewrite(a.progress())
			continue
		}
		fmt.Fprintf(w, "onsale: %s\n", a.progress())
	}
}

// progress returns a progress report on one line.
func (a *Automation) progress() string {
	s := a.stats
	s.mu.Lock()
	calls, p95 := s.calls, latencyOf(s.all()).P95
	s.mu.Unlock()
	elapsed := s.now().Sub(s.start)
	line := fmt.Sprintf("%s: %d calls, %.1f/s, %d created, %d deleted, %d failed, p95 %s",
		elapsed.Round(time.Second), calls, perSecond(calls, elapsed), s.created.Load(), s.deleted.Load(), s.failed.Load(), short(p95))
	if _, lost := a.options.Recorder.Counts(); lost > 0 {
		line += fmt.Sprintf(", %d not recorded", lost)
	}
	return line
}
