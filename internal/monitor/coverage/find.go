package coverage

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/prometheus/common/model"

	"onsale/internal/catalog"
)

// findings are what was found at one time.
type findings struct {
	// up says of each instance whether it answered the last scrape.
	up map[string]bool
	// has are the series of each instance.
	has map[string]map[catalog.Series]bool
	// ended are series that are not there, and were within [memory].
	ended map[catalog.Series]bool
}

// memory is how long ago a series may have ended to be called one that has stopped.
const memory = "1h"

// find asks for all series that an alert needs.
func (c *Coverage) find(ctx context.Context, query Query) (findings, error) {
	f := findings{
		up: make(map[string]bool), has: make(map[string]map[catalog.Series]bool), ended: make(map[catalog.Series]bool),
	}
	targets, err := query(ctx, "up{job="+strconv.Quote(c.options.Job)+"}")
	if err != nil {
		return f, fmt.Errorf("ask for targets: %w", err)
	}
	for _, t := range targets {
		f.up[t.Labels[model.InstanceLabel]] = t.Value == 1
	}
	for _, s := range c.series {
		selector := s.Selector(c.options.Job)
		if s.Within > 0 {
			selector = fmt.Sprintf("last_over_time(%s[%s])", selector, model.Duration(s.Within))
		}
		found, err := query(ctx, "group by (instance, le) ("+selector+")")
		if err != nil {
			return f, fmt.Errorf("ask for %s: %w", s.Name, err)
		}
		if f.keep(s, found) {
			continue
		}
		before, err := query(ctx, fmt.Sprintf("group(last_over_time(%s[%s]))", s.Selector(c.options.Job), memory))
		if err != nil {
			return f, fmt.Errorf("ask for %s of the last hour: %w", s.Name, err)
		}
		f.ended[s] = len(before) > 0
	}
	return f, nil
}

// keep notes which instances have a series, and reports whether any has.
func (f findings) keep(s catalog.Series, found []Sample) bool {
	any := false
	for _, one := range found {
		if !s.HasBucket(one.Labels[model.BucketLabel]) {
			continue
		}
		instance := one.Labels[model.InstanceLabel]
		if f.has[instance] == nil {
			f.has[instance] = make(map[catalog.Series]bool)
		}
		f.has[instance][s], any = true, true
	}
	return any
}

// instances are the names of all that are known, sorted.
func (f findings) instances() []string {
	all := maps.Clone(f.up)
	for instance := range f.has {
		all[instance] = all[instance]
	}
	return slices.Sorted(maps.Keys(all))
}
