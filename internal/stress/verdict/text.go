package verdict

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Digits to show: four are enough to read. More are shown only if they are needed to
// tell a value from the limit that it crossed.
const (
	fewDigits  = 4
	mostDigits = 15
)

// text formats a value in the threshold's unit, for people: 612 ms.
func (t Threshold) text(value float64) string {
	for digits := fewDigits; ; digits++ {
		text := t.unit(value, digits)
		if value == t.limit || digits == mostDigits || text != t.unit(t.limit, digits) {
			return text
		}
	}
}

func (t Threshold) unit(value float64, digits int) string {
	switch {
	case t.share:
		return number(value*100, digits) + " %"
	case t.kind == rate:
		return number(value, digits) + "/s"
	case t.kind != times:
		return strconv.FormatFloat(value, 'f', 0, 64)
	default:
		return duration(value, digits)
	}
}

// duration chooses the unit by the rounded value, so that 999.96 ms become 1 s.
func duration(seconds float64, digits int) string {
	switch rounded, _ := strconv.ParseFloat(strconv.FormatFloat(seconds, 'e', digits-1, 64), 64); {
	case rounded >= 1:
		return number(seconds, digits) + " s"
	case rounded >= 1e-3 || rounded == 0:
		return number(seconds*1e3, digits) + " ms"
	default:
		return number(seconds*1e6, digits) + " µs"
	}
}

// number formats a number with the given significant digits, without an exponent and
// without trailing zeros. It keeps all digits before the point.
func number(v float64, digits int) string {
	whole := len(strconv.FormatFloat(math.Trunc(v), 'f', 0, 64))
	text := strconv.FormatFloat(v, 'f', max(0, digits-whole), 64)
	if strings.Contains(text, ".") {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	return text
}

// reason returns how the threshold was crossed, as a sentence.
func (t Threshold) reason(m measured) string {
	if m.missing != "" {
		return fmt.Sprintf("%s could not be judged: %s", t.expr, m.missing)
	}
	return fmt.Sprintf("%s, %s %s", t.found(m.value), t.op.words(), t.unit(t.limit, mostDigits))
}

// found returns what was measured.
func (t Threshold) found(value float64) string {
	text, of := t.text(value), ""
	if t.name != "" {
		of = " of " + t.name
	}
	switch {
	case t.kind == times && t.service:
		return fmt.Sprintf("%s of the service time%s was %s", t.metric, of, text)
	case t.kind == times:
		return fmt.Sprintf("%s%s was %s", t.metric, of, text)
	case t.kind == rate:
		return fmt.Sprintf("the rate%s was %s", of, text)
	case t.kind == requests:
		return fmt.Sprintf("%s%s in all", plural(value, "request", "requests"), of)
	case t.kind == failures && t.share:
		return fmt.Sprintf("%s of the requests%s failed", text, of)
	case t.kind == failures:
		return fmt.Sprintf("%s%s failed", plural(value, "request", "requests"), of)
	case t.kind == notSent && t.share:
		return text + " of the tasks due were not sent"
	case t.kind == notSent:
		return plural(value, "task that was due was", "tasks that were due were") + " not sent"
	case t.share:
		return fmt.Sprintf("%s of the answers%s were %s", text, of, t.metric)
	default:
		return fmt.Sprintf("%s%s %s", plural(value, "answer", "answers"), of, "of kind "+t.metric)
	}
}

func plural(n float64, one, many string) string {
	word := many
	if n == 1 {
		word = one
	}
	return strconv.FormatFloat(n, 'f', 0, 64) + " " + word
}
