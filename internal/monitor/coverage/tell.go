package coverage

import (
	"context"
	"log/slog"
	"slices"
	"strings"
)

// teller logs which alerts cannot fire: once when that is settled, and again when
// it has changed and settled again.
type teller struct {
	job string
	log *slog.Logger

	said    bool
	blind   []string // what was said last: the alerts and their states
	next    []string // what the looks since then came to
	looks   int      // how many came to next
	silent  int      // how many found no target that answers
	silence bool     // that was said
}

// rests reports whether looking less often does: something was said.
func (t *teller) rests() bool { return t.said || t.silence }

// tell takes the result of a look. One in which no target answers changes nothing:
// that a target is down is for InstanceDown to tell.
func (t *teller) tell(ctx context.Context, r *Report) {
	if r.Up == 0 {
		if t.silent++; t.silent == patience && !t.said && !t.silence {
			t.silence = true
			t.log.WarnContext(ctx, "no target has answered, so that nobody knows which alerts can fire", "job", t.job)
		}
		return
	}
	var blind []string
	for _, a := range r.Alerts {
		if a.State == NoSeries || a.partly {
			blind = append(blind, a.Name+" "+string(a.State))
		}
	}
	if t.looks == 0 || !slices.Equal(blind, t.next) {
		t.next, t.looks = blind, 0
	}
	if t.looks++; t.looks < settled || t.said && slices.Equal(blind, t.blind) {
		return
	}
	first := !t.said
	t.said, t.blind = true, blind
	if r.NoSeries > 0 {
		t.log.WarnContext(ctx, "alerts cannot fire, because no target has the series that they need",
			"job", t.job, "count", r.NoSeries, "of", len(r.Alerts),
			"alerts", byReason(r, func(a Alert) bool { return a.State == NoSeries }))
	}
	if r.Partly > 0 {
		t.log.WarnContext(ctx, "alerts cannot fire for some targets, which lack the series that they need",
			"job", t.job, "count", r.Partly, "of", len(r.Alerts),
			"alerts", byReason(r, func(a Alert) bool { return a.partly }))
	}
	if !first && len(blind) == 0 {
		t.log.InfoContext(ctx, "all alerts can fire, the targets have the series that they need", "job", t.job)
	}
}

// byReason lists the alerts that are meant, those of one reason together.
func byReason(r *Report, meant func(Alert) bool) string {
	var reasons []string
	names := make(map[string][]string)
	for _, a := range r.Alerts {
		if !meant(a) {
			continue
		}
		if names[a.Reason] == nil {
			reasons = append(reasons, a.Reason)
		}
		names[a.Reason] = append(names[a.Reason], a.Name)
	}
	for i, reason := range reasons {
		reasons[i] = strings.Join(names[reason], ", ") + ": " + reason
	}
	return strings.Join(reasons, "; ")
}
