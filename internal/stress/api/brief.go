package api

import (
	"cmp"
	"slices"

	"onsale/internal/stress/stats"
)

// briefOf returns the part of a run that an event has.
func briefOf(live Live) *brief {
	s := live.Report.Stats
	b := &brief{
		Started: live.Report.Started, Now: nowOf(live.Now), Total: lineOf(s.Total), Names: []line{},
		Due: s.Due, NotSent: s.NotSent, Self: live.Report.Self, Verdict: live.Report.Verdict,
	}
	entries := s.Entries
	if len(entries) > maxLines {
		entries = slices.SortedStableFunc(slices.Values(entries), func(a, b stats.Summary) int { return cmp.Compare(b.Requests, a.Requests) })
		entries = entries[:maxLines]
	}
	for _, entry := range entries {
		b.Names = append(b.Names, lineOf(entry))
	}
	if n := len(s.Series); n > 0 {
		b.Point = &s.Series[n-1]
	}
	return b
}
