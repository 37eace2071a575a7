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
	// lineInterval is how often a line is written where there is no terminal.
	lineInterval = 10 * time.Second
	// lateLag is the tester's own lateness that is worth a warning while it runs: a
	// timer of 10 ms then misses the next one.
	lateLag = stats.MS(10 * time.Millisecond)
	// fullCPU is the share of the tester's processors that is.
	fullCPU = 0.95
)

// LiveOptions say where and how a [Live] shows a run.
type LiveOptions struct {
	Out io.Writer
	// Size returns the columns and rows of the terminal that Out is, as
	// [golang.org/x/term.GetSize] does. It is asked each time, as windows change.
	// Nil means that Out is no terminal, or one that knows no ANSI sequences.
	Size func() (columns, rows int, err error)
	// NoColor leaves out colours, as NO_COLOR asks for.
	NoColor bool
	// Interval is how often a line is written where there is no terminal; 10 s by default.
	Interval time.Duration
}

// Live shows a run while it goes on: on a terminal a view that is drawn anew in
// place, elsewhere a line now and then. It is safe for concurrent use.
type Live struct {
	options LiveOptions

	mu    sync.Mutex
	frame []string      // what stands on the terminal, its last line first to be left
	last  time.Duration // when the last plain line was written
}

// NewLive returns a view.
func NewLive(o LiveOptions) *Live {
	if o.Interval <= 0 {
		o.Interval = lineInterval
	}
	return &Live{options: o}
}

// Begin shows what is about to run.
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

// Update shows where the run is. On a terminal each call draws; a few a second are plenty.
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

// End removes the view, so that what is written next stands in its place.
func (l *Live) End() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.options.Size != nil {
		l.redraw(nil)
	}
}

// Write writes whole lines, of a log say, above the view, which would garble
// each other otherwise.
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

// lineOf is one line about where a run is.
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

// loadNow says how much load there is.
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

// isOpen says whether tasks begin when they are due, however many are under way.
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

// businessNow tells each business outcome.
func businessNow(s stats.Summary) []string {
	var parts []string
	for _, kind := range slices.Sorted(maps.Keys(s.Business)) {
		parts = append(parts, format.Count(s.Business[kind])+" "+words(kind)+" ("+format.Share(s.Business[kind], s.Requests)+")")
	}
	return parts
}

// troubles say what should make a person doubt the figures.
func troubles(r result.Run) []string {
	var said []string
	if n := r.Stats.NotSent; n > 0 {
		said = append(said, format.Count(n)+" not sent ("+format.Share(n, r.Stats.Due)+" of what was due): too many in flight")
	}
	var now stats.Point
	if series := r.Stats.Series; len(series) > 0 {
		now = series[len(series)-1]
	}
	switch {
	case r.Self.Bottleneck && len(r.Self.Reasons) > 0:
		said = append(said, "the tester cannot keep up: "+format.Line(strings.Join(r.Self.Reasons, "; ")))
	case r.Self.Bottleneck:
		said = append(said, "the tester cannot keep up")
	case now.Lag >= lateLag:
		said = append(said, "the tester is late by "+format.Duration(now.Lag))
	case now.CPU >= fullCPU:
		said = append(said, "the tester uses "+wholePercent(now.CPU)+" of its processors")
	}
	return said
}
