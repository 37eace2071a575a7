package verdict

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// Limits of what is parsed.
const (
	// maxText is how long a threshold may be, in bytes: a long name, and some.
	maxText = 1000
	// maxThresholds is how many there may be: a dozen for each of a hundred names.
	maxThresholds = 1200
	// maxValue bounds counts and rates, so that every one is exact as a float64.
	maxValue = 1 << 53
)

// none is the one threshold that turns the default ones off.
const none = "none"

// defaultExprs returns the thresholds of a run that was given none: any
// failure, and more than one in a hundred tasks that were due and not sent.
func defaultExprs() []string { return []string{"failures>0", "not_sent>1%"} }

// ParseAll reads the values of --fail-if. No value at all stands for
// failures>0 and not_sent>1%, and the only one being "none" for no threshold.
func ParseAll(texts []string) ([]Threshold, error) {
	if len(texts) == 0 {
		texts = defaultExprs()
	}
	if slices.ContainsFunc(texts, isNone) {
		if len(texts) > 1 {
			return nil, errors.New(`threshold "none" turns all thresholds off: leave it out, or leave the others out`)
		}
		return nil, nil
	}
	if len(texts) > maxThresholds {
		return nil, fmt.Errorf("there are %d thresholds: at most %d are read", len(texts), maxThresholds)
	}
	list := make([]Threshold, 0, len(texts))
	for _, text := range texts {
		t, err := Parse(text)
		if err != nil {
			return nil, err
		}
		list = append(list, t)
	}
	return list, nil
}

func isNone(text string) bool { return strings.EqualFold(strings.TrimSpace(text), none) }

// Parse reads one threshold,
//
//	METRIC[{NAME}] OPERATOR VALUE
//
// such as p95>500ms, failures{POST /buy/[id]}>1% or rps<1000. The error is one
// line that says what to write instead.
//
// Times are p50, p66, p75, p80, p90, p95, p98, p99, p99.9, p99.99, mean (or
// avg), min and max, of the response time or, with "service." before them, of
// the service time; their values have a unit. rps is the rate of requests.
// requests, failures, denied, sold_out, outcome.KIND (any other business
// outcome) and not_sent (tasks that were due and not begun) are counts; all but
// requests may be compared with a share, written with a per cent sign: of the
// requests, or of the tasks due.
//
// NAME is a name of the statistics, or method and name; as it ends at the last
// brace, it may contain any character. Where several methods share the name,
// counts and rates are added up, and each method's times are compared.
func Parse(text string) (Threshold, error) {
	t := Threshold{expr: strings.TrimSpace(text)}
	if err := t.parse(); err != nil {
		return Threshold{}, fmt.Errorf("threshold %.100q: %w", t.expr, err)
	}
	return t, nil
}

func (t *Threshold) parse() error {
	switch {
	case t.expr == "":
		return errors.New("it is empty: write p95>500ms, say")
	case len(t.expr) > maxText:
		return fmt.Errorf("it is longer than %d bytes", maxText)
	case strings.ContainsFunc(t.expr, unicode.IsControl):
		return errors.New("it has a control character in it")
	}
	metric, rest, err := t.cutName()
	if err != nil {
		return err
	}
	if err := t.setMetric(strings.ToLower(strings.TrimSpace(metric))); err != nil {
		return err
	}
	if t.kind == notSent && t.name != "" {
		return errors.New("not_sent has no name: what is not sent is counted for all together")
	}
	value, err := t.cutOperator(strings.TrimSpace(rest))
	if err != nil {
		return err
	}
	return t.setValue(strings.ToLower(strings.Join(strings.Fields(value), "")))
}

// cutName takes the name out of the middle. A value has no brace, so the last
// one is the name's end whatever stands in the name.
func (t *Threshold) cutName() (metric, rest string, err error) {
	at := strings.IndexAny(t.expr, "{<>=")
	if at < 0 {
		return t.expr, "", nil
	}
	if t.expr[at] != '{' {
		return t.expr[:at], t.expr[at:], nil
	}
	end := strings.LastIndexByte(t.expr, '}')
	if end < at {
		return "", "", errors.New("the name has no end: write p95{/buy/[id]}>500ms")
	}
	t.name = strings.TrimSpace(t.expr[at+1 : end])
	if t.name == "" {
		return "", "", errors.New("the name is empty: write p95{/buy/[id]}>500ms, or leave the braces out")
	}
	return t.expr[:at], t.expr[end+1:], nil
}

func (t *Threshold) setMetric(metric string) error {
	t.metric = metric
	if kind, ok := strings.CutPrefix(metric, "outcome."); ok && plainWord(kind) {
		t.metric, t.kind = kind, outcome
		return nil
	}
	for _, c := range counters() {
		if metric == c.name {
			t.kind = c.kind
			return nil
		}
	}
	bare, service := strings.CutPrefix(metric, "service.")
	if slices.ContainsFunc(percentiles(), func(p percentile) bool { return p.name == bare }) {
		t.metric, t.service = bare, service
		return nil
	}
	return unknown(metric)
}

func plainWord(s string) bool {
	return s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789_-") == ""
}

func (t *Threshold) cutOperator(rest string) (value string, err error) {
	if rest == "" {
		return "", fmt.Errorf("it compares %s with nothing: write '%s' (the quotes keep the shell's hands off it)",
			t.metric, t.example())
	}
	for _, op := range []operator{">=", "<=", ">", "<"} {
		if value, ok := strings.CutPrefix(rest, string(op)); ok && !strings.HasPrefix(value, "=") {
			t.op = op
			return value, nil
		}
	}
	return "", fmt.Errorf("it compares with none of >, >=, <, <=: write '%s'", t.example())
}

func (t *Threshold) setValue(value string) error {
	number, percent := strings.CutSuffix(value, "%")
	switch {
	case t.kind == times:
		return t.setTime(value)
	case percent && (t.kind == rate || t.kind == requests):
		return fmt.Errorf("%s is no share: write '%s'", t.metric, t.example())
	case t.kind == rate:
		number = strings.TrimSuffix(value, "/s")
	}
	v, ok := decimal(number)
	switch {
	case !ok:
		return fmt.Errorf("%.40q is no number: write '%s'", value, t.example())
	case percent && v > 100:
		return fmt.Errorf("%s is more than all: a share is at most 100%%", value)
	case percent:
		// Reading the number as hundredths rounds once, as the share of 7 in 1000 does: 0.7 / 100 is not 0.007.
		t.limit, _ = strconv.ParseFloat(number+"e-2", 64) // digits, as decimal has seen
		t.share = true
		return nil
	case t.kind != rate && v != math.Trunc(v):
		return fmt.Errorf("%s is no whole number: write '%s'", value, t.example())
	}
	t.limit = v
	return nil
}

func (t *Threshold) setTime(value string) error {
	if _, bare := decimal(value); bare {
		return fmt.Errorf("%s has no unit: say the unit: %sms", value, value)
	}
	d, err := time.ParseDuration(value)
	if err != nil || d < 0 {
		return fmt.Errorf("%.40q is no time: write '%s'", value, t.example())
	}
	t.limit = d.Seconds()
	return nil
}

// decimal reads digits with at most one point among them: nothing of what else
// strconv takes for a number, such as 0x1p-2, 1_000 or nan.
func decimal(s string) (float64, bool) {
	if strings.Trim(s, "0123456789.") != "" {
		return 0, false
	}
	v, err := strconv.ParseFloat(s, 64)
	return v, err == nil && v <= maxValue
}
