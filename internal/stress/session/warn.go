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

// Length is how long the run is to last; 0 if that is not known.
func (s *Session) Length() time.Duration {
	if curve := s.plan.load.Curve; curve.Ends && s.plan.runTime == 0 {
		return curve.Length()
	}
	return s.plan.runTime
}

// quick is a threshold that a quick answer crosses.
var quick = regexp.MustCompile(`^\s*(service\.)?(p[\d.]+|avg|mean|max)\s*(\{.*\})?\s*<`)

// Warnings returns what may not be meant as it was asked for.
func (s *Session) Warnings() []string {
	var all []string
	w := s.plan.whole
	if rise := w.Curve.Length(); !w.Open && s.settings.Shape == "" && s.plan.runTime > 0 && rise > s.plan.runTime {
		all = append(all, fmt.Sprintf("all %g users are there after %s, and the run ends after %s: a higher --spawn-rate brings them sooner",
			w.Curve.Peak(), rise.Round(time.Second), s.plan.runTime))
	}
	for _, t := range s.settings.FailIf {
		if quick.MatchString(t) {
			all = append(all, fmt.Sprintf("--fail-if '%s' fails answers that are quick: thresholds say what must not be", t))
		}
	}
	return all
}

// Idle reports that nothing of the load falls to this worker of several: there
// are fewer users than workers. Shares have fractions, of which no user comes.
func (s *Session) Idle() bool {
	return s.plan.workers > 1 && !s.plan.load.Open && s.plan.load.Curve.Peak() < 1
}

// demandSending adds the threshold without which a load that was not sent would
// pass, where there are others.
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

// looksAt reports whether a threshold is on that metric.
func (s *Session) looksAt(metric string) bool {
	return slices.ContainsFunc(s.plan.thresholds, func(t verdict.Threshold) bool { return strings.HasPrefix(t.String(), metric) })
}

// remark adds what whoever reads the figures should know.
func (s *Session) remark(r *result.Run) {
	if n := r.Stats.NotSent; n > 0 {
		r.Notes = append(r.Notes, fmt.Sprintf("%d tasks were not begun, as %d were under way already: what they would have waited is missing from the response times, "+
			"which are too low for that", n, s.plan.load.MaxInFlight))
	}
	if n := r.Stats.Total.Failures; n > 0 && !s.looksAt("failures") {
		r.Notes = append(r.Notes, fmt.Sprintf("%d requests failed, and no threshold looks at failures", n))
	}
}
