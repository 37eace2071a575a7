package coverage

import (
	"context"
	"log/slog"
	"slices"
	"strings"
)

// changeLog logs which alerts cannot fire. It logs a result when it has settled, and again
// when it has changed and settled.
type changeLog struct {
	job string
	log *slog.Logger

	reported bool     // a result was logged
	blind    []string // the last logged result: the alerts that cannot fire, with their states
	next     []string // the result of the checks since then
	checks   int      // how many checks in a row had the result next
	silent   int      // how many checks found no target that answers
	silence  bool     // that no target answers was logged
}

// logged reports whether something was logged, after which checks are less frequent.
func (t *changeLog) logged() bool { return t.reported || t.silence }

// note takes the result of a check and logs it if it has settled. A check in which no
// target answers changes nothing, because InstanceDown reports that.
func (t *changeLog) note(ctx context.Context, r *Report) {
	if r.Up == 0 {
		if t.silent++; t.silent == patience && !t.reported && !t.silence {
			t.silence = true
			t.log.WarnContext(ctx, "no target has answered, so it is unknown which alerts can fire", "job", t.job)
		}
		return
	}
	var blind []string
	for _, a := range r.Alerts {
		if a.State == NoSeries || a.partly {
			blind = append(blind, a.Name+" "+string(a.State))
		}
	}
	if t.checks == 0 || !slices.Equal(blind, t.next) {
		t.next, t.checks = blind, 0
	}
	if t.checks++; t.checks < settled || t.reported && slices.Equal(blind, t.blind) {
		return
	}
	first := !t.reported
	t.reported, t.blind = true, blind
	if r.NoSeries > 0 {
		t.log.WarnContext(ctx, "alerts cannot fire, because no target has the series they need",
			"job", t.job, "count", r.NoSeries, "of", len(r.Alerts),
			"alerts", byReason(r, func(a Alert) bool { return a.State == NoSeries }))
	}
	if r.Partly > 0 {
		t.log.WarnContext(ctx, "alerts cannot fire for some targets, which lack the series they need",
			"job", t.job, "count", r.Partly, "of", len(r.Alerts),
			"alerts", byReason(r, func(a Alert) bool { return a.partly }))
	}
	if !first && len(blind) == 0 {
		t.log.InfoContext(ctx, "all alerts can fire; the targets have the series they need", "job", t.job)
	}
}

// byReason lists the alerts for which include returns true, grouped by reason.
func byReason(r *Report, include func(Alert) bool) string {
	var reasons []string
	names := make(map[string][]string)
	for _, a := range r.Alerts {
		if !include(a) {
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
