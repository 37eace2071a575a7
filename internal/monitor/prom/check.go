package prom

import (
	"fmt"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/common/model"

	"onsale/internal/monitor/guard"
)

const (
	// farthestTime is how far from 1970 a query may be evaluated, in seconds: the
	// engine counts nanoseconds in places, which last until 2262.
	farthestTime = 9.2e9
	// maxLookback is the longest lookback_delta that a query may ask for.
	maxLookback = 24 * time.Hour
)

// checkForm returns a denial if what a call asks for exceeds a limit. What is
// merely wrong is left to the library to explain.
func checkForm(call string, form url.Values, defaultStep time.Duration) *denial {
	q := guard.Query{DefaultStep: defaultStep, Texts: slices.Concat(form["match[]"], form["match_target"], form["query"])}
	var err error
	switch call {
	case "query_range":
		q.Span, q.Step, err = spanOf(form)
	case "query":
		_, err = timeOf(form, "time")
	}
	if err == nil {
		err = lookbackOf(form)
	}
	if err == nil {
		err = q.Check()
	}
	if err == nil {
		err = guard.Regexps(form["metric_name_pattern"]...)
	}
	if err != nil {
		return badData(http.StatusUnprocessableEntity, "%s", err)
	}
	return nil
}

// spanOf returns the time from start to end, and the step. Both are 0 where the
// library finds fault with one of them anyway.
func spanOf(form url.Values) (span, step time.Duration, err error) {
	start, err := timeOf(form, "start")
	if err != nil {
		return 0, 0, err
	}
	end, err := timeOf(form, "end")
	if err != nil {
		return 0, 0, err
	}
	step, ok := durationOf(form.Get("step"))
	switch {
	case !ok || start.IsZero() || end.IsZero() || end.Before(start):
		return 0, 0, nil
	case step < time.Millisecond:
		return 0, 0, fmt.Errorf("the parameter step must be at least 0.001, a millisecond, not %.40q", form.Get("step"))
	case end.Sub(start) == math.MaxInt64:
		return 0, 0, fmt.Errorf("the time from start to end is longer than %s", time.Duration(math.MaxInt64))
	}
	return end.Sub(start), step, nil
}

// timeOf reads a time as the library does, the zero time where there is none. It
// refuses what it cannot read, because the library reads two times more: the first
// and the last one that it can write.
func timeOf(form url.Values, name string) (time.Time, error) {
	text := form.Get(name)
	if text == "" {
		return time.Time{}, nil
	}
	seconds, err := strconv.ParseFloat(text, 64)
	if err != nil {
		t, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			return time.Time{}, fmt.Errorf("the parameter %s must be a time like 1767225600 or 2026-01-01T00:00:00Z, not %.40q", name, text)
		}
		seconds = float64(t.Unix())
	}
	if !(math.Abs(seconds) <= farthestTime) {
		return time.Time{}, fmt.Errorf("the parameter %s must be a time between the years 1680 and 2260, not %.40q", name, text)
	}
	return time.UnixMilli(int64(seconds * 1000)), nil
}

// durationOf reads a duration as the library does.
func durationOf(text string) (time.Duration, bool) {
	if seconds, err := strconv.ParseFloat(text, 64); err == nil {
		if !(math.Abs(seconds) < math.MaxInt64/float64(time.Second)) {
			return 0, true // too short, in any case not a step
		}
		return time.Duration(seconds * float64(time.Second)), true
	}
	d, err := model.ParseDuration(text)
	return time.Duration(d), err == nil
}

func lookbackOf(form url.Values) error {
	text := form.Get("lookback_delta")
	if text == "" {
		return nil
	}
	if d, ok := durationOf(text); ok && (d <= 0 || d > maxLookback) {
		return fmt.Errorf("the parameter lookback_delta must be between 1ms and %s, not %.40q", model.Duration(maxLookback), text)
	}
	return nil
}
