package stress

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// ParseDuration reads a time: Go's and Locust's 1h30m, 90s or 500ms, or a plain number of seconds.
func ParseDuration(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if number, plain := strconv.ParseFloat(text, 64); plain == nil {
		if !(math.Abs(number) <= MaxLength.Seconds()) {
			return 0, fmt.Errorf("time %q is more than %d days", text, MaxLength/(24*time.Hour))
		}
		d, err = time.Duration(math.Round(number*float64(time.Second))), nil
	}
	switch {
	case err != nil:
		return 0, fmt.Errorf("time %q is not one like 90s, 1h30m or 90 (seconds)", text)
	case d < 0:
		return 0, fmt.Errorf("time %q is negative", text)
	case d > MaxLength:
		return 0, fmt.Errorf("time %q is more than %d days", text, MaxLength/(24*time.Hour))
	}
	return d, nil
}

// ParseStages reads stages as k6 has them, 30s:100,2m:1000,30s:0: over so long, in a straight line, to so
// many users; the first begins at 0, and 0s:100 is a step. Where all values are
// rates, 100/s, it reports the open model. The run ends with the last stage.
func ParseStages(text string) (c Curve, open bool, err error) {
	p := parser{what: "stages", text: text}
	for part := range strings.SplitSeq(text, ",") {
		fields := p.fields(strings.TrimSpace(part), "DURATION:VALUE")
		c.Stages = append(c.Stages, Stage{Over: p.duration(fields[0]), To: p.value(fields[1])})
	}
	c.Ends = true
	return p.done(c)
}

// ParseRamp reads FROM:TO:DURATION, 10:500:2m or 10/s:500/s:2m: one straight line. The run ends with it unless it has a
// run time; then it stays there.
func ParseRamp(text string) (c Curve, open bool, err error) {
	p := parser{what: "ramp", text: text}
	fields := p.fields(text, "FROM:TO:DURATION")
	c = Curve{From: p.value(fields[0]), Ends: true}
	c.Stages = []Stage{{To: p.value(fields[1]), Over: p.duration(fields[2])}}
	return p.done(c)
}

// ParseSpike reads BASE:PEAK:BEFORE:FOR, 50:1000:1m:20s: so much for a minute, then all at once the peak for 20 s, then
// the base for another minute.
func ParseSpike(text string) (c Curve, open bool, err error) {
	p := parser{what: "spike", text: text}
	fields := p.fields(text, "BASE:PEAK:BEFORE:FOR")
	base, peak := p.value(fields[0]), p.value(fields[1])
	before, lasts := p.duration(fields[2]), p.duration(fields[3])
	c = Curve{From: base, Ends: true, Stages: []Stage{
		{Over: before, To: base}, {To: peak}, {Over: lasts, To: peak}, {To: base}, {Over: before, To: base},
	}}
	return p.done(c)
}

// ParseSteps reads FROM:TO:BY:EVERY, 100:1000:100:30s: from 100 up (or down) by 100 each 30 s. The
// last value is TO, and lasts as long as the others.
func ParseSteps(text string) (c Curve, open bool, err error) {
	p := parser{what: "steps", text: text}
	fields := p.fields(text, "FROM:TO:BY:EVERY")
	from, to, by := p.value(fields[0]), p.value(fields[1]), p.value(fields[2])
	every := p.duration(fields[3])
	// Each step takes two stages: it lasts, and then the next one begins.
	count := math.Ceil(math.Abs(to-from)/by - tolerance)
	if p.err == nil && (by <= 0 || count > maxStages/2-1) {
		p.err = fmt.Errorf("a step by %q is too small: at most %d steps are taken", fields[2], maxStages/2)
	}
	if p.err != nil {
		return p.done(c)
	}
	c = Curve{From: from, Ends: true, Stages: []Stage{{Over: every, To: from}}}
	for i := 1; i <= int(count); i++ {
		value := from + float64(i)*math.Copysign(by, to-from)
		if i == int(count) {
			value = to
		}
		c.Stages = append(c.Stages, Stage{To: value}, Stage{Over: every, To: value})
	}
	return p.done(c)
}

// parser reads one shape and keeps the first thing wrong with it.
type parser struct {
	what, text string
	// rates and numbers count the values of either kind: all are of one.
	rates, numbers int
	err            error
}

// fields splits a part into those that its form names; if it has others, so many empty ones.
func (p *parser) fields(part, form string) []string {
	fields, want := strings.Split(part, ":"), strings.Count(form, ":")+1
	if len(fields) == want {
		return fields
	}
	if p.err == nil {
		p.err = fmt.Errorf("%q is not %s", part, form)
	}
	return make([]string, want)
}

func (p *parser) duration(text string) time.Duration {
	if p.err != nil {
		return 0
	}
	d, err := ParseDuration(strings.TrimSpace(text))
	p.err = err
	return d
}

func (p *parser) value(text string) float64 {
	if p.err != nil {
		return 0
	}
	value, rate, err := parseValue(strings.TrimSpace(text))
	p.err = err
	if rate {
		p.rates++
	} else {
		p.numbers++
		if err == nil && value != math.Trunc(value) {
			p.err = fmt.Errorf("users must be a whole number, not %s (a rate is written %s/s)", text, text)
		}
	}
	return value
}

// done returns the curve that was read, whether it is one of rates, or what is wrong with it.
func (p *parser) done(c Curve) (Curve, bool, error) {
	if p.err == nil && p.rates > 0 && p.numbers > 0 {
		p.err = errors.New("either all values are rates, 100/s, or none is")
	}
	if p.err == nil {
		p.err = c.validate(Load{Open: p.rates > 0}.limit(MaxWorkers))
	}
	if p.err != nil {
		return Curve{}, false, fmt.Errorf("%s %q: %w", p.what, p.text, p.err)
	}
	return c, p.rates > 0, nil
}

// parseValue reads a number, and reports whether it was written as a rate. A rate is returned a second. Both are
// bounded by what all workers can do together.
func parseValue(text string) (value float64, rate bool, err error) {
	if strings.Contains(text, "/") {
		value, err = perSecond(text)
		return value, true, err
	}
	value, err = strconv.ParseFloat(text, 64)
	if err != nil || !(value >= 0 && value <= MaxWorkers*MaxUsers) {
		return 0, false, fmt.Errorf("value %q is not a number from 0 to %d", text, MaxWorkers*MaxUsers)
	}
	return value, false, nil
}

// ParseRate reads a rate of tasks, 500/s, 500 (a second), 30/m, 30/min or 36/h, and returns it a
// second. It is above 0, and at most what all workers can do together.
func ParseRate(text string) (float64, error) {
	rate, err := perSecond(text)
	if err == nil && rate == 0 {
		return 0, fmt.Errorf("rate %q is not above 0", text)
	}
	return rate, err
}

func perSecond(text string) (float64, error) {
	number, unit, ok := strings.Cut(text, "/")
	if !ok {
		unit = "s"
	}
	per, known := map[string]time.Duration{"s": time.Second, "m": time.Minute, "min": time.Minute, "h": time.Hour}[strings.TrimSpace(unit)]
	if !known {
		return 0, fmt.Errorf("rate %q does not end in /s, /m, /min or /h", text)
	}
	value, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	rate := value / per.Seconds()
	if err != nil || !(rate >= 0 && rate <= MaxWorkers*MaxRate) {
		return 0, fmt.Errorf("rate %q is not a number, such as 500/s, of at most %d/s", text, MaxWorkers*MaxRate)
	}
	return rate, nil
}
