package stress

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// ParseDuration parses a duration as Go and Locust write it (1h30m, 90s, 500ms), or a
// number of seconds.
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
		return 0, fmt.Errorf("time %q must look like 90s, 1h30m or 90 (seconds)", text)
	case d < 0:
		return 0, fmt.Errorf("time %q is negative", text)
	case d > MaxLength:
		return 0, fmt.Errorf("time %q is more than %d days", text, MaxLength/(24*time.Hour))
	}
	return d, nil
}

// ParseStages parses stages as k6 writes them: 30s:100,2m:1000,30s:0. Each stage is a
// straight line to a number of users. The first one begins at 0, and 0s:100 is a step.
// If all values are rates, such as 100/s, it returns true for the open model. The run
// ends with the last stage.
func ParseStages(text string) (c Curve, open bool, err error) {
	p := parser{what: "stages", text: text}
	for part := range strings.SplitSeq(text, ",") {
		fields := p.fields(strings.TrimSpace(part), "DURATION:VALUE")
		c.Stages = append(c.Stages, Stage{Over: p.duration(fields[0]), To: p.value(fields[1])})
	}
	c.Ends = true
	return p.done(c)
}

// ParseRamp parses FROM:TO:DURATION, such as 10:500:2m or 10/s:500/s:2m: one straight
// line. The run ends with it, unless it has a run time; then the last value continues.
func ParseRamp(text string) (c Curve, open bool, err error) {
	p := parser{what: "ramp", text: text}
	fields := p.fields(text, "FROM:TO:DURATION")
	c = Curve{From: p.value(fields[0]), Ends: true}
	c.Stages = []Stage{{To: p.value(fields[1]), Over: p.duration(fields[2])}}
	return p.done(c)
}

// ParseSpike parses BASE:PEAK:BEFORE:FOR. 50:1000:1m:20s is 50 for a minute, then at
// once 1000 for 20 s, then 50 for another minute.
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

// ParseSteps parses FROM:TO:BY:EVERY. 100:1000:100:30s goes from 100 up (or down) by
// 100 every 30 s. The last value is TO, and lasts as long as the others.
func ParseSteps(text string) (c Curve, open bool, err error) {
	p := parser{what: "steps", text: text}
	fields := p.fields(text, "FROM:TO:BY:EVERY")
	from, to, by := p.value(fields[0]), p.value(fields[1]), p.value(fields[2])
	every := p.duration(fields[3])
	// Each step takes two stages: its length, and the jump to the next one.
	count := math.Ceil(math.Abs(to-from)/by - tolerance)
	if p.err == nil && (by <= 0 || count > maxStages/2-1) {
		p.err = fmt.Errorf("a step of %q is too small: there can be at most %d steps", fields[2], maxStages/2)
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

// parser parses one shape and keeps its first error.
type parser struct {
	what, text string
	// rates and numbers count the values of each kind. A shape must not have both.
	rates, numbers int
	err            error
}

// fields splits a part into the fields of its form. If their number is wrong, it
// returns empty ones.
func (p *parser) fields(part, form string) []string {
	fields, want := strings.Split(part, ":"), strings.Count(form, ":")+1
	if len(fields) == want {
		return fields
	}
	if p.err == nil {
		p.err = fmt.Errorf("%q must have the form %s", part, form)
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

// done returns the curve and whether its values are rates, or the error.
func (p *parser) done(c Curve) (Curve, bool, error) {
	if p.err == nil && p.rates > 0 && p.numbers > 0 {
		p.err = errors.New("either all values must be rates, such as 100/s, or none")
	}
	if p.err == nil {
		p.err = c.validate(Load{Open: p.rates > 0}.limit(MaxWorkers))
	}
	if p.err != nil {
		return Curve{}, false, fmt.Errorf("%s %q: %w", p.what, p.text, p.err)
	}
	return c, p.rates > 0, nil
}

// parseValue parses a number, and reports whether it is a rate. A rate is returned per
// second. All workers together limit both.
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

// ParseRate parses a rate of tasks, such as 500/s, 500 (per second), 30/m, 30/min or
// 36/h, and returns it per second. It must be above 0 and at most the rate of all
// workers together.
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
