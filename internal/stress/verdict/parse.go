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
	// maxText is the maximum length of a threshold, in bytes.
	maxText = 1000
	// maxThresholds is the maximum number of thresholds: a dozen for each of a hundred
	// names.
	maxThresholds = 1200
	// maxValue limits counts and rates, so that float64 represents each exactly.
	maxValue = 1 << 53
)

// none is the threshold that turns all thresholds off.
const none = "none"

// defaultExprs returns the default thresholds: any failure, and more than 1% of the due
// tasks not sent.
func defaultExprs() []string { return []string{"failures>0", "not_sent>1%"} }

// ParseAll parses the values of --fail-if. No value means failures>0 and not_sent>1%.
// The single value "none" means no threshold.
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
		return nil, fmt.Errorf("there are %d thresholds: at most %d are allowed", len(texts), maxThresholds)
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

// Parse parses one threshold:
//
//	METRIC[{NAME}] OPERATOR VALUE
//
// Examples are p95>500ms, failures{POST /buy/[id]}>1% and rps<1000. The error is one
// line and suggests a correction.
//
// Time metrics are p50, p66, p75, p80, p90, p95, p98, p99, p99.9, p99.99, mean (or
// avg), min and max of the response time. With the prefix "service." they are of the
// service time. Their values have a unit. rps is the rate of requests. requests,
// failures, denied, sold_out, outcome.KIND (any other business outcome) and not_sent
// (due tasks that were not begun) are counts. All of them but requests can be compared
// with a share, written with a per cent sign: of the requests, or of the due tasks.
//
// NAME is a name of the statistics, or method and name. It ends at the last brace, so
// it can contain any character. If several methods share the name, counts and rates are
// added up, and each method's times are compared.
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
		return errors.New("it is empty: write a condition, such as p95>500ms")
	case len(t.expr) > maxText:
		return fmt.Errorf("it is longer than %d bytes", maxText)
	case strings.ContainsFunc(t.expr, unicode.IsControl):
		return errors.New("it contains a control character")
	}
	metric, rest, err := t.cutName()
	if err != nil {
		return err
	}
	if err := t.setMetric(strings.ToLower(strings.TrimSpace(metric))); err != nil {
		return err
	}
	if t.kind == notSent && t.name != "" {
		return errors.New("not_sent has no name: tasks that are not sent are counted together")
	}
	value, err := t.cutOperator(strings.TrimSpace(rest))
	if err != nil {
		return err
	}
	return t.setValue(strings.ToLower(strings.Join(strings.Fields(value), "")))
}

// cutName cuts the name out of the middle. A value has no brace, so the last brace ends
// the name, whatever the name contains.
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
		return "", "", errors.New("the name has no closing brace: write p95{/buy/[id]}>500ms")
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
		return "", fmt.Errorf("it compares %s with nothing: write '%s' (with the quotes, for the shell)",
			t.metric, t.example())
	}
	for _, op := range []operator{">=", "<=", ">", "<"} {
		if value, ok := strings.CutPrefix(rest, string(op)); ok && !strings.HasPrefix(value, "=") {
			t.op = op
			return value, nil
		}
	}
	return "", fmt.Errorf("the operator must be >, >=, < or <=: write '%s'", t.example())
}

func (t *Threshold) setValue(value string) error {
	number, percent := strings.CutSuffix(value, "%")
	switch {
	case t.kind == times:
		return t.setTime(value)
	case percent && (t.kind == rate || t.kind == requests):
		return fmt.Errorf("%s cannot be a share: write '%s'", t.metric, t.example())
	case t.kind == rate:
		number = strings.TrimSuffix(value, "/s")
	}
	v, ok := decimal(number)
	switch {
	case !ok:
		return fmt.Errorf("%.40q is not a number: write '%s'", value, t.example())
	case percent && v > 100:
		return fmt.Errorf("%s is too much: a share is at most 100%%", value)
	case percent:
		// Parsing the number as hundredths rounds once, like the share of 7 in 1000
		// does: 0.7 / 100 is not 0.007.
		t.limit, _ = strconv.ParseFloat(number+"e-2", 64) // digits, as decimal has checked
		t.share = true
		return nil
	case t.kind != rate && v != math.Trunc(v):
		return fmt.Errorf("%s is not a whole number: write '%s'", value, t.example())
	}
	t.limit = v
	return nil
}

func (t *Threshold) setTime(value string) error {
	if _, bare := decimal(value); bare {
		return fmt.Errorf("%s has no unit: write %sms", value, value)
	}
	d, err := time.ParseDuration(value)
	if err != nil || d < 0 {
		return fmt.Errorf("%.40q is not a time: write '%s'", value, t.example())
	}
	t.limit = d.Seconds()
	return nil
}

// decimal parses digits with at most one point among them. It rejects what else strconv
// accepts, such as 0x1p-2, 1_000 or nan.
func decimal(s string) (float64, bool) {
	if strings.Trim(s, "0123456789.") != "" {
		return 0, false
	}
	v, err := strconv.ParseFloat(s, 64)
	return v, err == nil && v <= maxValue
}
