package catalog

import (
	"strconv"
	"strings"
	"time"
)

// Series are the series that one selector of an alert's expression reads.
type Series struct {
	// Name is the name of the metric.
	Name string
	// Match is what the labels must match beside the job, as matchers of PromQL
	// without braces; empty for any labels.
	Match string
	// Above is for the buckets of a histogram: one that is finite must end above
	// this value, in the histogram's unit. Else no quantile can exceed it. 0: none.
	Above float64
	// Within is how long ago the series may have ended. 0: it must be there now.
	Within time.Duration
}

// String writes the series as PromQL does, and what its buckets must reach after it.
func (s Series) String() string {
	text := s.Name
	if s.Match != "" {
		text += "{" + s.Match + "}"
	}
	if s.Above > 0 {
		text += " with a bucket above " + number(s.Above)
	}
	return text
}

// Selector returns the PromQL that selects the series of a job.
func (s Series) Selector(job string) string {
	text := s.Name + "{job=" + strconv.Quote(job)
	if s.Match != "" {
		text += "," + s.Match
	}
	return text + "}"
}

// HasBucket reports whether a bucket with this value of the label le is one that
// Above asks for. It is true for all values if Above asks for none.
func (s Series) HasBucket(le string) bool {
	if s.Above == 0 {
		return true
	}
	bound, err := strconv.ParseFloat(le, 64)
	return err == nil && bound > s.Above && !strings.HasSuffix(le, "Inf")
}

// Judge returns what keeps the alert from ever firing, where have reports which
// series there are. It returns nil if the alert can fire: no series is needed, or
// all series of one of [Alert].Needs are there. Otherwise it returns what the
// alternative with the fewest missing series lacks, the first of several.
//
// A have that knows names alone ignores the other fields of [Series].
func (a Alert) Judge(have func(Series) bool) (missing []Series) {
	for i, all := range a.Needs {
		var lacks []Series
		for _, s := range all {
			if !have(s) {
				lacks = append(lacks, s)
			}
		}
		if len(lacks) == 0 {
			return nil
		}
		if i == 0 || len(lacks) < len(missing) {
			missing = lacks
		}
	}
	return missing
}

// each makes an alternative of each name.
func each(within time.Duration, names ...string) (all [][]Series) {
	for _, name := range names {
		all = append(all, []Series{{Name: name, Within: within}})
	}
	return all
}
