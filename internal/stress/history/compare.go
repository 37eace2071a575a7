package history

import (
	"cmp"
	"slices"

	"onsale/internal/stress/result"
	"onsale/internal/stress/stats"
)

// Comparison compares two runs.
type Comparison struct {
	Base Summary `json:"base"`
	New  Summary `json:"new"`
	// Warnings are reasons why the figures may not be comparable, as sentences.
	Warnings []string `json:"warnings"`
	Total    Row      `json:"total"`
	// Names has a row for each method and name of either run, in order.
	Names []Row `json:"names"`
}

// Row compares the requests of one name, or all requests.
type Row struct {
	// Method and Name are empty in the total.
	Method string `json:"method"`
	Name   string `json:"name"`
	// Only is "base" or "new" if only that run has the name.
	Only string `json:"only,omitempty"`
	// Rate is in requests a second, response times are in milliseconds, and
	// FailureShare is 0 to 1.
	Rate         Change `json:"rate"`
	P50          Change `json:"p50_ms"`
	P95          Change `json:"p95_ms"`
	P99          Change `json:"p99_ms"`
	FailureShare Change `json:"failure_share"`
}

// Change is one figure of both runs.
type Change struct {
	Base float64 `json:"base"`
	New  float64 `json:"new"`
	// Percent is the difference of the new figure, in percent of the base; nil if the
	// base is 0 or one run lacks the figure.
	Percent *float64 `json:"percent"`
}

// Compare compares a new run with an earlier one.
func Compare(base, other result.Run) Comparison {
	c := Comparison{
		Base: summarize(base), New: summarize(other),
		Warnings: warnings(base, other),
		Total:    compare(&base.Stats.Total, &other.Stats.Total),
		Names:    []Row{},
	}
	olds, news := byName(base.Stats.Entries), byName(other.Stats.Entries)
	for key, s := range olds {
		c.Names = append(c.Names, compare(s, news[key]))
	}
	for key, s := range news {
		if olds[key] == nil {
			c.Names = append(c.Names, compare(nil, s))
		}
	}
	slices.SortFunc(c.Names, func(a, b Row) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Method, b.Method))
	})
	return c
}

func byName(entries []stats.Summary) map[[2]string]*stats.Summary {
	named := make(map[[2]string]*stats.Summary, len(entries))
	for i := range entries {
		named[[2]string{entries[i].Method, entries[i].Name}] = &entries[i]
	}
	return named
}

// compare returns the row of two summaries, one of which may be nil.
func compare(base, other *stats.Summary) Row {
	var r Row
	either := base
	switch {
	case base == nil:
		r.Only, either = "new", other
		base = &stats.Summary{}
	case other == nil:
		r.Only = "base"
		other = &stats.Summary{}
	}
	r.Method, r.Name = either.Method, either.Name
	change := func(of func(s *stats.Summary) float64) Change {
		c := Change{Base: of(base), New: of(other)}
		if c.Base != 0 && r.Only == "" {
			percent := (c.New - c.Base) / c.Base * 100
			c.Percent = &percent
		}
		return c
	}
	r.Rate = change(func(s *stats.Summary) float64 { return s.Rate })
	r.P50 = change(func(s *stats.Summary) float64 { return inMillis(s.Response.P50) })
	r.P95 = change(func(s *stats.Summary) float64 { return inMillis(s.Response.P95) })
	r.P99 = change(func(s *stats.Summary) float64 { return inMillis(s.Response.P99) })
	r.FailureShare = change(func(s *stats.Summary) float64 {
		return float64(s.Failures) / float64(max(1, s.Requests))
	})
	return r
}
