// Package coverage knows which alerts of the catalogue can be judged.
//
// An alert whose series a target does not have never fires, which looks just like
// health. This package compares what each alert needs with what is there, keeps
// the result for [Coverage.Handler], and logs which alerts cannot fire.
package coverage

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"onsale/internal/catalog"
)

// Sample is one series of the result of a query.
type Sample struct {
	Labels map[string]string
	Value  float64
}

// Source is the Prometheus that scrapes the targets.
type Source struct {
	// Query answers an instant query of PromQL.
	Query func(ctx context.Context, expr string) ([]Sample, error)
	// Announces reports whether the last scrapes of an instance named a counter or a
	// histogram, though there may be no sample of it before the first event.
	Announces func(instance, metric string) bool
}

// Options say what is compared. All must be given.
type Options struct {
	// Job is the scrape job that the alerts watch.
	Job    string
	Alerts []catalog.Alert
	// Scrape is how often targets are scraped.
	Scrape time.Duration
	Logger *slog.Logger
}

const (
	// restEvery is how often the series are looked at once the first result has settled.
	// A look takes a few milliseconds.
	restEvery = 5 * time.Second
	// settled is how many looks must come to the same before it is logged. A target
	// that is replaced is away for less.
	settled = 3
	// patience is how many looks may find no target that answers before that is logged.
	patience = 10
	// lookLimit bounds one look.
	lookLimit = 10 * time.Second
)

// Coverage is which alerts can be judged. Make it with [New].
type Coverage struct {
	options Options
	series  []catalog.Series // what all alerts need, each once
	last    atomic.Pointer[Report]
	told    teller
}

// New returns a coverage that knows nothing yet.
func New(o Options) *Coverage {
	o.Logger = o.Logger.With("component", "coverage")
	c := &Coverage{options: o, told: teller{job: o.Job, log: o.Logger}}
	seen := make(map[catalog.Series]bool)
	for _, a := range o.Alerts {
		for _, all := range a.Needs {
			for _, s := range all {
				if !seen[s] {
					seen[s] = true
					c.series = append(c.series, s)
				}
			}
		}
	}
	c.last.Store(c.blank())
	return c
}

// Run looks at the series until the context ends, with every scrape until the first
// result has settled and then less often. A look that fails is logged, and leaves the result
// of the one before in place.
func (c *Coverage) Run(ctx context.Context, source Source) {
	next := time.NewTimer(c.options.Scrape)
	defer next.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-next.C:
		}
		err := c.look(ctx, source)
		if ctx.Err() != nil {
			return
		}
		if err != nil && !failing {
			c.options.Logger.WarnContext(ctx, "looking for the series of alerts failed", "error", err)
		}
		failing = err != nil
		pause := c.options.Scrape
		if c.told.rests() {
			pause = max(pause, restEvery)
		}
		next.Reset(pause)
	}
}

// look compares once.
func (c *Coverage) look(ctx context.Context, source Source) error {
	ctx, cancel := context.WithTimeout(ctx, lookLimit)
	defer cancel()
	found, err := c.find(ctx, source)
	if err != nil {
		return err
	}
	report := c.report(found, time.Now().UTC())
	c.last.Store(report)
	c.told.tell(ctx, report)
	return nil
}

// Report returns the last result.
func (c *Coverage) Report() *Report { return c.last.Load() }
