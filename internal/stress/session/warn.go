package session

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"onsale/internal/stress/result"
	"onsale/internal/stress/verdict"
)

// Length returns the length of the run; 0 if it is unknown.
func (s *Session) Length() time.Duration {
	if curve := s.plan.load.Curve; curve.Ends && s.plan.runTime == 0 {
		return curve.Length()
	}
	return s.plan.runTime
}

// quick matches a threshold that a fast answer crosses.
var quick = regexp.MustCompile(`^\s*(service\.)?(p[\d.]+|avg|mean|max)\s*(\{.*\})?\s*<`)

// Warnings returns warnings about settings that are probably mistakes.
func (s *Session) Warnings() []string {
	var all []string
	w := s.plan.whole
	if rise := w.Curve.Length(); !w.Open && s.settings.Shape == "" && s.plan.runTime > 0 && rise > s.plan.runTime {
		all = append(all, fmt.Sprintf("all %g users run only after %s, but the run ends after %s: raise --spawn-rate to start them sooner",
			w.Curve.Peak(), rise.Round(time.Second), s.plan.runTime))
	}
	for _, t := range s.settings.FailIf {
		if quick.MatchString(t) {
			all = append(all, fmt.Sprintf("--fail-if '%s' fails fast answers: a threshold describes what fails the run", t))
		}
	}
	return all
}

// Idle reports whether this worker has no users, because there are fewer users than
// workers.
func (s *Session) Idle() bool {
	return s.plan.workers > 1 && !s.plan.load.Open && s.plan.load.Curve.Peak() < 1
}

// demandSending adds a threshold for tasks that were not sent, if there are other
// thresholds. Without it, a load that was not sent would pass.
func (s *Session) demandSending() error {
	if !s.plan.whole.Open || len(s.plan.thresholds) == 0 {
		return nil
	}
	if s.looksAt("not_sent") {
		return nil
	}
	sent, err := verdict.Parse("not_sent>1%")
	if err != nil {
		return fmt.Errorf("make threshold: %w", err)
	}
	s.plan.thresholds = append(s.plan.thresholds, sent)
	return nil
}

// looksAt reports whether a threshold is on a metric.
func (s *Session) looksAt(metric string) bool {
	return slices.ContainsFunc(s.plan.thresholds, func(t verdict.Threshold) bool { return strings.HasPrefix(t.String(), metric) })
}

// remark adds notes that readers of the figures should know.
func (s *Session) remark(r *result.Run) {
	if n := r.Stats.NotSent; n > 0 {
		r.Notes = append(r.Notes, fmt.Sprintf("%d tasks were not begun because %d were under way already. Their waiting time is missing from the response times, "+
			"so those are too low", n, s.plan.load.MaxInFlight))
	}
	if n := r.Stats.Total.Failures; n > 0 && !s.looksAt("failures") {
		r.Notes = append(r.Notes, fmt.Sprintf("%d requests failed, and no threshold checks failures", n))
	}
}
