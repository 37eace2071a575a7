package coverage

import (
	"context"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"

	"github.com/prometheus/common/model"

	"onsale/internal/catalog"
)

// findings is the result of one check.
type findings struct {
	// up maps each instance to whether it answered the last scrape.
	up map[string]bool
	// has maps each instance to its series.
	has map[string]map[catalog.Series]bool
	// ended is the set of series that do not exist now and did within [memory].
	ended map[catalog.Series]bool
}

// memory is how long ago a series may have ended to be reported as ended.
const memory = "1h"

// find queries all series that the alerts need.
func (c *Coverage) find(ctx context.Context, source Source) (findings, error) {
	f := findings{
		up: make(map[string]bool), has: make(map[string]map[catalog.Series]bool), ended: make(map[catalog.Series]bool),
	}
	targets, err := source.Query(ctx, "up{job="+strconv.Quote(c.options.Job)+"}")
	if err != nil {
		return f, fmt.Errorf("query targets: %w", err)
	}
	for _, t := range targets {
		f.up[t.Labels[model.InstanceLabel]] = t.Value == 1
	}
	for _, s := range c.series {
		selector := s.Selector(c.options.Job)
		if s.Within > 0 {
			selector = fmt.Sprintf("last_over_time(%s[%s])", selector, model.Duration(s.Within))
		}
		found, err := source.Query(ctx, "group by (instance, le) ("+selector+")")
		if err != nil {
			return f, fmt.Errorf("query %s: %w", s.Name, err)
		}
		there := f.keep(s, found)
		announced, err := c.announced(ctx, source, f, s)
		if err != nil {
			return f, fmt.Errorf("query %s: %w", s.Name, err)
		}
		if f.keep(s, announced) || there {
			continue
		}
		before, err := source.Query(ctx, fmt.Sprintf("group(last_over_time(%s[%s]))", s.Selector(c.options.Job), memory))
		if err != nil {
			return f, fmt.Errorf("query %s of the last hour: %w", s.Name, err)
		}
		f.ended[s] = len(before) > 0
	}
	return f, nil
}

// part matches the suffix of a histogram series after the name of the family.
var part = regexp.MustCompile(`_(bucket|count|sum)$`)

// announced returns a sample for each instance that announces a metric and has no sample
// of it before the first event. The labels of the first sample are not known. A series
// with Within cannot be announced.
func (c *Coverage) announced(ctx context.Context, source Source, f findings, s catalog.Series) ([]Sample, error) {
	waiting := make(map[string]bool)
	for instance, up := range f.up {
		if up && s.Within == 0 && !f.has[instance][s] && source.Announces(instance, s.Name) {
			waiting[instance] = true
		}
	}
	if len(waiting) == 0 {
		return nil, nil
	}
	family := part.ReplaceAllString(s.Name, "")
	others, err := source.Query(ctx, fmt.Sprintf("group by (instance) ({__name__=~%q,job=%s})",
		s.Name+"|"+family+"(_bucket|_count|_sum)?", strconv.Quote(c.options.Job)))
	if err != nil {
		return nil, err
	}
	for _, one := range others {
		delete(waiting, one.Labels[model.InstanceLabel])
	}
	var all []Sample
	for instance := range waiting {
		all = append(all, Sample{Labels: map[string]string{
			model.InstanceLabel: instance, model.BucketLabel: strconv.FormatFloat(math.MaxFloat64, 'g', -1, 64),
		}})
	}
	return all, nil
}

// keep records which instances have a series, and reports whether any has it.
func (f findings) keep(s catalog.Series, found []Sample) bool {
	there := false
	for _, one := range found {
		if !s.HasBucket(one.Labels[model.BucketLabel]) {
			continue
		}
		instance := one.Labels[model.InstanceLabel]
		if f.has[instance] == nil {
			f.has[instance] = make(map[catalog.Series]bool)
		}
		f.has[instance][s], there = true, true
	}
	return there
}

// instances returns the names of all known instances, sorted.
func (f findings) instances() []string {
	all := slices.AppendSeq(slices.Collect(maps.Keys(f.up)), maps.Keys(f.has))
	slices.Sort(all)
	return slices.Compact(all)
}
