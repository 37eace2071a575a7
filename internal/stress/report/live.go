package report

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"onsale/internal/stress/format"
	"onsale/internal/stress/result"
	"onsale/internal/stress/stats"
)

const (
	// lineInterval is the interval between lines if the output is not a terminal.
	lineInterval = 10 * time.Second
	// lateLag is the lag of the load tester that causes a warning: its 10 ms timer then
	// misses a whole interval.
	lateLag = stats.MS(10 * time.Millisecond)
	// fullCPU is the CPU share of the load tester that causes a warning.
	fullCPU = 0.95
)

// LiveOptions configure a [Live].
type LiveOptions struct {
	Out io.Writer
	// Size returns the columns and rows of the terminal Out, like
	// [golang.org/x/term.GetSize]. It is called for each update, because windows
	// change. Nil means that Out is not a terminal with ANSI sequences.
	Size func() (columns, rows int, err error)
	// NoColor turns colours off, as NO_COLOR does.
	NoColor bool
	// Interval is the interval between lines if Out is not a terminal; 0 means 10 s.
	Interval time.Duration
}

// Live shows a run while it is under way. On a terminal it redraws a view in place;
// elsewhere it writes a line at intervals. It is safe for concurrent use.
type Live struct {
	options LiveOptions

	mu    sync.Mutex
	frame []string      // the lines on the terminal
	last  time.Duration // when the last plain line was written
}

// NewLive returns a view.
func NewLive(o LiveOptions) *Live {
	if o.Interval <= 0 {
		o.Interval = lineInterval
	}
	return &Live{options: o}
}

// Begin shows the run that is about to start.
func (l *Live) Begin(r result.Run, now result.Now) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.options.Size != nil {
		l.redraw(l.view(r, now))
		return
	}
	what := []string{scenarioOf(r.Settings) + " at " + format.Line(r.Host)}
	if load := wantedLoad(r.Settings); load != "" {
		what = append(what, load)
	}
	if now.Left > 0 {
		what = append(what, "for "+format.Clock(now.Elapsed+now.Left))
	}
	fmt.Fprintln(l.options.Out, strings.Join(what, " · "))
	l.last = now.Elapsed
}

// Update shows the current state. On a terminal, each call redraws the view; a few
// calls a second are enough.
func (l *Live) Update(r result.Run, now result.Now) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.options.Size != nil:
		l.redraw(l.view(r, now))
	case now.Elapsed-l.last >= l.options.Interval:
		l.last = now.Elapsed
		fmt.Fprintln(l.options.Out, lineOf(r, now))
	}
}

// End removes the view, so that the next output replaces it.
func (l *Live) End() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.options.Size != nil {
		l.redraw(nil)
	}
}

// Write writes whole lines, such as log lines, above the view.
func (l *Live) Write(lines []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	frame := l.frame
	if len(frame) > 0 {
		l.redraw(nil)
	}
	n, err := l.options.Out.Write(lines)
	if len(frame) > 0 {
		l.redraw(frame)
	}
	return n, err
}

// lineOf returns the state of a run as one line.
func lineOf(r result.Run, now result.Now) string {
	total := r.Stats.Total
	parts := []string{
		format.Clock(now.Elapsed) + " " + loadNow(r, now),
		format.Rate(total.RateNow) + " req/s",
		format.Count(total.Failures) + " failed",
		"p50 " + format.Duration(total.Response.P50) + " p95 " + format.Duration(total.Response.P95) + " p99 " + format.Duration(total.Response.P99),
	}
	parts = append(parts, businessNow(total)...)
	parts = append(parts, troubles(r)...)
	return strings.Join(append(parts, leftNow(now)...), " · ")
}

// loadNow returns the current load.
func loadNow(r result.Run, now result.Now) string {
	if isOpen(r.Settings) {
		return format.Amount(now.Wanted) + "/s wanted · " + format.Count(int64(now.InFlight)) + " in flight"
	}
	said := "users " + format.Count(int64(now.Users))
	if wanted := format.Amount(now.Wanted); wanted != format.Count(int64(now.Users)) && !now.Stopping {
		said += " of " + wanted
	}
	return said
}

// isOpen reports whether the run uses the open model.
func isOpen(s result.Settings) bool { return s.Open || s.Rate > 0 }

func leftNow(now result.Now) []string {
	switch {
	case now.Stopping:
		return []string{"stopping"}
	case now.Left >= 0:
		return []string{format.Clock(now.Left) + " left"}
	default:
		return nil
	}
}

// businessNow returns each business outcome and its share.
func businessNow(s stats.Summary) []string {
	var parts []string
	for _, kind := range slices.Sorted(maps.Keys(s.Business)) {
		parts = append(parts, format.Count(s.Business[kind])+" "+words(kind)+" ("+format.Share(s.Business[kind], s.Requests)+")")
	}
	return parts
}

// troubles returns warnings that put the figures in doubt.
func troubles(r result.Run) []string {
	var said []string
	if n := r.Stats.NotSent; n > 0 {
		said = append(said, format.Count(n)+" not sent ("+format.Share(n, r.Stats.Due)+" of the tasks due): too many in flight")
	}
	var now stats.Point
	if series := r.Stats.Series; len(series) > 0 {
		now = series[len(series)-1]
	}
	switch {
	case r.Self.Bottleneck && len(r.Self.Reasons) > 0:
		said = append(said, "the load tester cannot keep up: "+format.Line(strings.Join(r.Self.Reasons, "; ")))
	case r.Self.Bottleneck:
		said = append(said, "the load tester cannot keep up")
	case now.Lag >= lateLag:
		said = append(said, "the load tester is late by "+format.Duration(now.Lag))
	case now.CPU >= fullCPU:
		said = append(said, "the load tester uses "+wholePercent(now.CPU)+" of its processors")
	}
	return said
}
