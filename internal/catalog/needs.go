package catalog

import (
	"strconv"
	"strings"
	"time"
)

// Series describes the series that one selector of an alert's expression reads.
type Series struct {
	// Name is the name of the metric.
	Name string
	// Match are PromQL matchers for the labels other than job, without braces.
	// Empty matches any labels.
	Match string
	// Above is for the buckets of a histogram: a finite bucket must end above this
	// value, in the histogram's unit. Otherwise no quantile can exceed it. 0: no
	// such requirement.
	Above float64
	// Within is how long ago the series may have ended. 0: it must exist now.
	Within time.Duration
}

// String returns the series in PromQL, followed by the bucket that it needs.
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

// HasBucket reports whether a bucket with this value of the label le meets Above.
// If Above is 0, every value does.
func (s Series) HasBucket(le string) bool {
	if s.Above == 0 {
		return true
	}
	bound, err := strconv.ParseFloat(le, 64)
	return err == nil && bound > s.Above && !strings.HasSuffix(le, "Inf")
}

// Judge returns the series whose absence keeps the alert from ever firing. The
// function have reports whether a series exists. Judge returns nil if the alert can
// fire: it needs no series, or all series of one alternative in [Alert].Needs
// exist. Otherwise it returns the missing series of the alternative with the
// fewest, the first one if several are equal.
//
// A have function that knows only names can ignore the other fields of [Series].
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

// each returns one alternative per name.
func each(within time.Duration, names ...string) (all [][]Series) {
	for _, name := range names {
		all = append(all, []Series{{Name: name, Within: within}})
	}
	return all
}
