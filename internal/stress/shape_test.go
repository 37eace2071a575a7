package stress_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"onsale/internal/stress"
)

type shapeCase struct {
	parse  func(string) (stress.Curve, bool, error)
	text   string
	open   bool
	from   float64
	stages []stress.Stage
}

func TestShapesOfTheCommandLine(t *testing.T) {
	t.Parallel()
	const s = time.Second
	for _, c := range []shapeCase{
		{stress.ParseStages, "30s:100,2m:1000,30s:0", false, 0, []stress.Stage{{30 * s, 100}, {120 * s, 1000}, {30 * s, 0}}},
		{stress.ParseStages, "0s:50/s, 1h30m:50/s,10:60/min", true, 0, []stress.Stage{{0, 50}, {5400 * s, 50}, {10 * s, 1}}},
		{stress.ParseRamp, "10:500:2m", false, 10, []stress.Stage{{120 * s, 500}}},
		{stress.ParseRamp, "0.5/s:20/s:1m", true, 0.5, []stress.Stage{{60 * s, 20}}},
		{stress.ParseSpike, "50:1000:1m:20s", false, 50, []stress.Stage{{60 * s, 50}, {0, 1000}, {20 * s, 1000}, {0, 50}, {60 * s, 50}}},
		{stress.ParseSteps, "100:300:100:30s", false, 100, []stress.Stage{{30 * s, 100}, {0, 200}, {30 * s, 200}, {0, 300}, {30 * s, 300}}},
		{stress.ParseSteps, "10/s:5/s:4/s:1s", true, 10, []stress.Stage{{s, 10}, {0, 6}, {s, 6}, {0, 5}, {s, 5}}},
		{stress.ParseSteps, "7:7:1:1s", false, 7, []stress.Stage{{s, 7}}},
	} {
		got, open, err := c.parse(c.text)
		if want := (stress.Curve{From: c.from, Stages: c.stages, Ends: true}); err != nil || open != c.open || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v, %v, want %+v, %v", c.text, got, open, err, want, c.open)
		}
	}
}

func TestShapesThatCannotBeReadSayWhy(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		parse      func(string) (stress.Curve, bool, error)
		text, want string
	}{
		{stress.ParseStages, "", `stages "": "" must have the form DURATION:VALUE`},
		{stress.ParseStages, "30s:100,2m", `stages "30s:100,2m": "2m" must have the form DURATION:VALUE`},
		{stress.ParseStages, "30s:100,2x:5", `time "2x" must look like 90s, 1h30m or 90 (seconds)`},
		{stress.ParseStages, "-3s:100", `time "-3s" is negative`},
		{stress.ParseStages, "30s:ten", `value "ten" is not a number from 0 to 100000000`},
		{stress.ParseStages, "30s:-1", `value "-1"`},
		{stress.ParseStages, "30s:NaN", `value "NaN"`},
		{stress.ParseStages, "30s:1e300/s", `rate "1e300/s" is not a number, such as 500/s, of at most 1000000000/s`},
		{stress.ParseStages, "30s:ten/s", `rate "ten/s" is not a number`},
		{stress.ParseStages, "30s:-1/s", `rate "-1/s" is not a number`},
		{stress.ParseStages, "30s:100000001", `value "100000001"`},
		{stress.ParseStages, "30s:10/d", `rate "10/d" does not end in /s, /m, /min or /h`},
		{stress.ParseStages, "30s:10/s,30s:20", "either all values must be rates, such as 100/s, or none"},
		{stress.ParseStages, "30s:1.5", "users must be a whole number, not 1.5 (a rate is written 1.5/s)"},
		{stress.ParseStages, "0s:10", "users must have stages that take some time"},
		{stress.ParseStages, strings.Repeat("1s:1,", 1000) + "1s:1", "at most 1000 stages"},
		{stress.ParseStages, "9000h:10", "more than 366 days"},
		{stress.ParseRamp, "10:500", `ramp "10:500": "10:500" must have the form FROM:TO:DURATION`},
		{stress.ParseSpike, "1:2:3", "must have the form BASE:PEAK:BEFORE:FOR"},
		{stress.ParseSteps, "1:100:0:1s", `a step of "0" is too small: there can be at most 500 steps`},
		{stress.ParseSteps, "0:100000:1:1s", `a step of "1" is too small: there can be at most 500 steps`},
	} {
		curve, open, err := c.parse(c.text)
		if err == nil || !strings.Contains(err.Error(), c.want) || open || !reflect.DeepEqual(curve, stress.Curve{}) {
			t.Errorf("%q: %+v, %v, %v, want %s", c.text, curve, open, err, c.want)
		}
	}
}

func TestParseRate(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]float64{
		"500/s": 500, "500": 500, "30/m": 0.5, "30/min": 0.5, "36/h": 0.01, "1.5 / s": 1.5, "1e9": 1e9, "36e11/h": 1e9,
	} {
		if got, err := stress.ParseRate(text); err != nil || got != want {
			t.Errorf("%q is %g, %v, want %g", text, got, err, want)
		}
	}
	for text, want := range map[string]string{
		"": "is not a number", "s": "is not a number", "/s": "is not a number", "0": "is not above 0", "0/m": "is not above 0",
		"-1": "is not a number", "NaN": "is not a number", "inf/s": "is not a number", "1e10": "at most 1000000000/s",
		"5/d": "does not end in /s, /m, /min or /h", "5/": "does not end", "5/s/s": "does not end",
	} {
		if got, err := stress.ParseRate(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is %g, %v, want %s", text, got, err, want)
		}
	}
}

func TestParseDuration(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{
		"90": 90 * time.Second, "0": 0, "1.5": 1500 * time.Millisecond, "1h30m": 90 * time.Minute, "500ms": 500 * time.Millisecond, "20s": 20 * time.Second,
	} {
		if got, err := stress.ParseDuration(text); err != nil || got != want {
			t.Errorf("%q is %v, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "s", "-1", "NaN", "Inf", "1e99", "5 s", "9999h"} {
		if got, err := stress.ParseDuration(text); err == nil {
			t.Errorf("%q is %v", text, got)
		}
	}
}

// FuzzShapes: every shape that can be parsed is a load that can be run.
func FuzzShapes(f *testing.F) {
	for _, text := range []string{"30s:100,2m:1000,30s:0", "10/s:500/s:2m", "50:1000:1m:20s", "100:300:100:30s", "0x1p-2:1:1"} {
		f.Add(text)
	}
	parsers := []func(string) (stress.Curve, bool, error){stress.ParseStages, stress.ParseRamp, stress.ParseSpike, stress.ParseSteps}
	f.Fuzz(func(t *testing.T, text string) {
		for _, parse := range parsers {
			curve, _, err := parse(text)
			if err != nil {
				continue
			}
			length := curve.Length()
			if area := curve.Area(length); length <= 0 || !(area >= 0) {
				t.Errorf("%q: %g in %v", text, area, length)
			}
			if due, ok := curve.Due(0); ok && (due < 0 || due > length) {
				t.Errorf("%q: the first is due at %v of %v", text, due, length)
			}
		}
	})
}
