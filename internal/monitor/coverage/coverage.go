// Package coverage finds the alerts of the catalogue that cannot be evaluated.
//
// An alert never fires if no target has its series, and then everything looks healthy.
// This package compares the series that each alert needs with the series that targets
// have. It serves the result with [Coverage.Handler] and logs which alerts cannot fire.
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
	// Query runs an instant query of PromQL.
	Query func(ctx context.Context, expr string) ([]Sample, error)
	// Announces reports whether the last scrapes of an instance had a TYPE comment for a
	// counter or histogram. There may be no sample of it before the first event.
	Announces func(instance, metric string) bool
}

// Options of a [Coverage]. All are required.
type Options struct {
	// Job is the scrape job that the alerts evaluate.
	Job    string
	Alerts []catalog.Alert
	// Scrape is how often targets are scraped.
	Scrape time.Duration
	Logger *slog.Logger
}

const (
	// restEvery is how often the series are checked once the first result has been
	// logged. A check takes a few milliseconds.
	restEvery = 5 * time.Second
	// settled is how many checks in a row must have the same result before it is logged.
	// Replacing a target takes less time.
	settled = 3
	// patience is how many checks may find no target that answers before that is logged.
	patience = 10
	// checkTimeout limits one check.
	checkTimeout = 10 * time.Second
)

// Coverage finds which alerts can be evaluated. Create it with [New].
type Coverage struct {
	options Options
	series  []catalog.Series // the series of all alerts, without duplicates
	last    atomic.Pointer[Report]
	changes changeLog
}

// New returns a coverage with an empty report. [Coverage.Run] fills it.
func New(o Options) *Coverage {
	o.Logger = o.Logger.With("component", "coverage")
	c := &Coverage{options: o, changes: changeLog{job: o.Job, log: o.Logger}}
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

// Run checks the series until the context ends: at every scrape until the first result has
// been logged, and less often after that. A failed check is logged and keeps the previous
// result.
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
		err := c.check(ctx, source)
		if ctx.Err() != nil {
			return
		}
		if err != nil && !failing {
			c.options.Logger.WarnContext(ctx, "checking the series of alerts failed", "error", err)
		}
		failing = err != nil
		pause := c.options.Scrape
		if c.changes.logged() {
			pause = max(pause, restEvery)
		}
		next.Reset(pause)
	}
}

// check makes one comparison.
func (c *Coverage) check(ctx context.Context, source Source) error {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	found, err := c.find(ctx, source)
	if err != nil {
		return err
	}
	report := c.report(found, time.Now().UTC())
	c.last.Store(report)
	c.changes.note(ctx, report)
	return nil
}

// Report returns the last result.
func (c *Coverage) Report() *Report { return c.last.Load() }
