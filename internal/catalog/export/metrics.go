package export

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"

	"onsale/internal/catalog"
)

const (
	// maxPage limits the size of a metrics page and maxLine the length of a line,
	// in bytes. They are about a hundred times what Onsale needs.
	maxPage = 64 << 20
	maxLine = 1 << 20
)

// Metrics are the series that a service exports: their names and labels. The zero
// value is empty.
type Metrics struct{ series map[string]*exported }

// exported describes all series of one name.
type exported struct {
	// sampled is false if the page has only a TYPE line and no sample yet.
	sampled bool
	// values are the values of each label.
	values map[string]map[string]bool
}

// onsaleAlone is a series that every Onsale exports from its start, and no other
// service does.
const onsaleAlone = "onsale_queue_limit_orders"

var (
	// sampleLine matches a sample of Prometheus's text format or OpenMetrics: name,
	// labels, value. The name may be quoted among the labels.
	sampleLine = regexp.MustCompile(`^([a-zA-Z_:][a-zA-Z0-9_:]*)?[ \t]*(?:\{((?:[^"{}]|"(?:[^"\\]|\\.)*")*)\})?[ \t]+([^ \t]+)`)
	// labelPair matches a label, and quotedName a quoted name at the beginning.
	labelPair  = regexp.MustCompile(`([a-zA-Z_][a-zA-Z0-9_]*|"(?:[^"\\]|\\.)*")[ \t]*=[ \t]*"((?:[^"\\]|\\.)*)"`)
	quotedName = regexp.MustCompile(`^[ \t]*("(?:[^"\\]|\\.)*")[ \t]*(?:,|$)`)
)

// Read adds the series of a metrics page in Prometheus's text format or
// OpenMetrics. The page may have at most 64 MB.
func (m *Metrics) Read(page io.Reader) error {
	limited := &io.LimitedReader{R: page, N: maxPage + 1}
	lines := bufio.NewScanner(limited)
	lines.Buffer(nil, maxLine)
	number := 0
	for lines.Scan() {
		number++
		if !m.line(strings.TrimRight(lines.Text(), "\r \t")) && limited.N > 0 {
			return fmt.Errorf("line %d is not a metric: %q", number, short(lines.Text()))
		}
	}
	switch err := lines.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return fmt.Errorf("line %d is longer than %d bytes", number+1, maxLine)
	case err != nil:
		return err
	case limited.N <= 0:
		return fmt.Errorf("the page is larger than %d bytes", maxPage)
	case len(m.series) == 0:
		return errors.New("the page has no metrics")
	}
	return nil
}

// line parses one line and reports whether it is valid in a metrics page.
func (m *Metrics) line(text string) bool {
	if text == "" {
		return true
	}
	if strings.HasPrefix(text, "#") {
		m.announce(strings.Fields(text))
		return true
	}
	found := sampleLine.FindStringSubmatch(text)
	if found == nil {
		return false
	}
	name, pairs, value := found[1], found[2], found[3]
	if quoted := quotedName.FindStringSubmatch(pairs); name == "" && quoted != nil {
		name = unquote(quoted[1])
	}
	if _, err := strconv.ParseFloat(value, 64); name == "" || err != nil && !errors.Is(err, strconv.ErrRange) {
		return false
	}
	e := m.get(name)
	e.sampled = true
	for _, pair := range labelPair.FindAllStringSubmatch(pairs, -1) {
		label := unquote(pair[1])
		if e.values[label] == nil {
			e.values[label] = make(map[string]bool)
		}
		e.values[label][unquote(`"`+pair[2]+`"`)] = true
	}
	return true
}

// announce parses a line "# TYPE NAME KIND". Some libraries write it before the
// first sample of a counter.
func (m *Metrics) announce(fields []string) {
	if len(fields) != 4 || fields[1] != "TYPE" {
		return
	}
	name := unquote(fields[2])
	switch fields[3] {
	case "counter":
		m.get(name)
		m.get(strings.TrimSuffix(name, "_total") + "_total")
	case "histogram":
		m.get(name + "_bucket")
		m.get(name + "_sum")
		m.get(name + "_count")
	case "summary":
		m.get(name)
		m.get(name + "_sum")
		m.get(name + "_count")
	default:
		m.get(name)
	}
}

func (m *Metrics) get(name string) *exported {
	if m.series == nil {
		m.series = make(map[string]*exported)
	}
	if m.series[name] == nil {
		m.series[name] = &exported{values: make(map[string]map[string]bool)}
	}
	return m.series[name]
}

// everything reports whether the service is an Onsale. Onsale has all series that
// the catalogue reads, even if some appear later.
func (m *Metrics) everything() bool { return m.series[onsaleAlone] != nil }

// missing returns the series whose absence keeps an alert from ever firing, or nil.
// If the service exports other series that the alert reads, labels with other
// values are enough: the values that the alert needs may appear later.
func (m *Metrics) missing(a catalog.Alert) []catalog.Series {
	if m.everything() {
		return nil
	}
	later := slices.ContainsFunc(a.Later, func(name string) bool { return m.series[name] != nil })
	return a.Judge(func(s catalog.Series) bool { return m.hasSeries(s, later) })
}

// hasSeries reports whether the service has a series. If later is true, the label
// values may differ.
func (m *Metrics) hasSeries(s catalog.Series, later bool) bool {
	matchers, err := parser.NewParser(parser.Options{}).ParseMetricSelector(s.Selector("any"))
	if err != nil || !m.has(s.Name, matchers, later) {
		return false
	}
	e := m.series[s.Name]
	if e == nil || !e.sampled || s.Above == 0 {
		return true
	}
	for bound := range e.values["le"] {
		if s.HasBucket(bound) {
			return true
		}
	}
	return false
}

// selects reports whether a selector can match series, now or later.
func (m *Metrics) selects(matchers []*labels.Matcher) bool {
	return m.everything() || slices.ContainsFunc(selected(matchers), func(name string) bool { return m.has(name, matchers, true) })
}

// builtIn are the series that Prometheus creates for each target.
var builtIn = map[string]bool{"up": true, "ALERTS": true, "scrape_duration_seconds": true, "scrape_samples_scraped": true}

// selected returns the metric names that a selector matches.
func selected(matchers []*labels.Matcher) []string {
	for _, m := range matchers {
		if m.Name == model.MetricNameLabel {
			return strings.Split(m.Value, "|")
		}
	}
	return nil
}

// has reports whether series of a name match the labels. If later is true, the
// labels must exist, but their values may differ. It ignores job and instance,
// which Prometheus adds.
func (m *Metrics) has(name string, matchers []*labels.Matcher, later bool) bool {
	if builtIn[name] {
		return true
	}
	e := m.series[name]
	if e == nil {
		return false
	}
	for _, matcher := range matchers {
		switch matcher.Name {
		case model.MetricNameLabel, "job", "instance":
			continue
		}
		values := e.values[matcher.Name]
		matches := matcher.Matches("") || later && (values != nil || !e.sampled) || !e.sampled && anyValue(matcher)
		for value := range values {
			matches = matches || matcher.Matches(value)
		}
		if !matches {
			return false
		}
	}
	return true
}

// anyValue reports whether a matcher requires a label with any value.
func anyValue(m *labels.Matcher) bool { return m.Type == labels.MatchNotEqual && m.Value == "" }

func unquote(text string) string {
	if plain, err := strconv.Unquote(text); err == nil {
		return plain
	}
	return text
}

// short returns the beginning of a line for an error message.
func short(line string) string {
	const most = 60
	if len(line) > most {
		return line[:most] + "…"
	}
	return line
}
