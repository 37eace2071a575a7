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
	// farthestTime limits the time of a query, in seconds before or after 1970. Parts
	// of the engine count nanoseconds, which overflow in 2262.
	farthestTime = 9.2e9
	// maxLookback is the longest lookback_delta of a query.
	maxLookback = 24 * time.Hour
)

// checkForm returns a denial if the parameters of a call exceed a limit. It accepts other
// mistakes, because the library has better error messages for them.
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

// spanOf returns the time from start to end, and the step. Both are 0 if the library will
// reject one of the parameters.
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
		return 0, 0, fmt.Errorf("the parameter step must be at least 0.001 (a millisecond), not %.40q", form.Get("step"))
	case end.Sub(start) == math.MaxInt64:
		return 0, 0, fmt.Errorf("the time from start to end must be at most %s", time.Duration(math.MaxInt64))
	}
	return end.Sub(start), step, nil
}

// timeOf parses a time as the library does. It returns the zero time if the parameter is
// missing. It returns an error if it cannot parse the time, because the library accepts
// two more: the earliest and the latest time that it can format.
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

// durationOf parses a duration as the library does.
func durationOf(text string) (time.Duration, bool) {
	if seconds, err := strconv.ParseFloat(text, 64); err == nil {
		if !(math.Abs(seconds) < math.MaxInt64/float64(time.Second)) {
			return 0, true // the callers reject 0
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
