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
	// maxPage is how large a metrics page may be, and maxLine how long a line of it,
	// in bytes: some hundred times as much as Onsale has.
	maxPage = 64 << 20
	maxLine = 1 << 20
)

// Metrics is what a service exports: the names of its series, and their labels. The
// zero value is empty.
type Metrics struct{ series map[string]*exported }

// exported are all series of one name.
type exported struct {
	// sampled is false for one that was announced and has no sample yet.
	sampled bool
	// values are those of each label.
	values map[string]map[string]bool
}

// onsaleAlone is a series that every Onsale has from its start, and nothing else.
const onsaleAlone = "onsale_queue_limit_orders"

var (
	// sampleLine is a sample as Prometheus's text format and OpenMetrics have it:
	// name, labels, value. Names may stand in quotes among the labels.
	sampleLine = regexp.MustCompile(`^([a-zA-Z_:][a-zA-Z0-9_:]*)?[ \t]*(?:\{((?:[^"{}]|"(?:[^"\\]|\\.)*")*)\})?[ \t]+([^ \t]+)`)
	// labelPair is a label, and quotedName a name in quotes at the beginning.
	labelPair  = regexp.MustCompile(`([a-zA-Z_][a-zA-Z0-9_]*|"(?:[^"\\]|\\.)*")[ \t]*=[ \t]*"((?:[^"\\]|\\.)*)"`)
	quotedName = regexp.MustCompile(`^[ \t]*("(?:[^"\\]|\\.)*")[ \t]*(?:,|$)`)
)

// Read reads a metrics page, in the text format of Prometheus or in OpenMetrics, of
// at most 64 MB. What was read before stays.
func (m *Metrics) Read(page io.Reader) error {
	limited := &io.LimitedReader{R: page, N: maxPage + 1}
	lines := bufio.NewScanner(limited)
	lines.Buffer(nil, maxLine)
	number := 0
	for lines.Scan() {
		number++
		if !m.line(strings.TrimRight(lines.Text(), "\r \t")) && limited.N > 0 {
			return fmt.Errorf("line %d is no metric: %q", number, short(lines.Text()))
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

// line reads one line and reports whether it is one of a metrics page.
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

// announce reads a line "# TYPE NAME KIND". Some libraries announce a counter whose
// first sample is yet to come.
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

// everything reports whether this is an Onsale, which has all series that the
// catalogue reads, some of them later.
func (m *Metrics) everything() bool { return m.series[onsaleAlone] != nil }

// missing returns what keeps an alert from ever firing, or nothing. The service must
// have series that the alert needs. Labels with other values than those that are
// asked for will do if it exports what the alert reads besides.
func (m *Metrics) missing(a catalog.Alert) []catalog.Series {
	if m.everything() {
		return nil
	}
	later := slices.ContainsFunc(a.Later, func(name string) bool { return m.series[name] != nil })
	return a.Judge(func(s catalog.Series) bool { return m.hasSeries(s, later) })
}

// hasSeries reports whether the service has series, with other values of labels if
// they may come later.
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

// selects reports whether a selector can select series, now or later.
func (m *Metrics) selects(matchers []*labels.Matcher) bool {
	return m.everything() || slices.ContainsFunc(selected(matchers), func(name string) bool { return m.has(name, matchers, true) })
}

// builtIn are the series that Prometheus makes itself for each target.
var builtIn = map[string]bool{"up": true, "ALERTS": true, "scrape_duration_seconds": true, "scrape_samples_scraped": true}

// selected are the names that a selector selects.
func selected(matchers []*labels.Matcher) []string {
	for _, m := range matchers {
		if m.Name == model.MetricNameLabel {
			return strings.Split(m.Value, "|")
		}
	}
	return nil
}

// has reports whether there are series of a name whose labels match, or match later:
// then the labels must be there, and their values are free. Prometheus adds the
// labels job and instance.
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

// anyValue reports whether a matcher asks for a label and not for a value.
func anyValue(m *labels.Matcher) bool { return m.Type == labels.MatchNotEqual && m.Value == "" }

func unquote(text string) string {
	if plain, err := strconv.Unquote(text); err == nil {
		return plain
	}
	return text
}

// short is the beginning of a line, for an error.
func short(line string) string {
	const most = 60
	if len(line) > most {
		return line[:most] + "…"
	}
	return line
}
