package report

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"onsale/internal/stress/format"
	"onsale/internal/stress/result"
	"onsale/internal/stress/stats"
)

//go:embed page
var pageFiles embed.FS

// parsePage parses the template once.
var parsePage = sync.OnceValues(func() (*template.Template, error) {
	return template.New("report.html").Funcs(template.FuncMap{
		"ms": format.Millis, "duration": format.Duration, "count": format.Count, "rate": format.Rate, "share": format.Share, "portion": format.Portion, "bytes": format.Bytes, "words": words,
		"plain": format.Line, "brief": func(text string) string { return format.Cut(format.Line(text), maxCell) }, "amount": format.Amount, "whole": wholePercent, "reason": reason,
		"per": func(part, whole int64) int64 { return part / whole },
	}).ParseFS(pageFiles, "page/report.html", "page/style.css")
})

// maxCell limits a name or an error in a table of the page, in characters.
const maxCell = 300

// SaveHTML writes a report as one page to a file.
func SaveHTML(file string, r result.Run) error {
	return save(file, func(w io.Writer) error { return WriteHTML(w, r) })
}

// WriteHTML writes a report as one self-contained page: no script, no font, no network.
// Its policy forbids the browser to load or run anything, so that text of a server
// stays text even if it were not escaped.
func WriteHTML(w io.Writer, r result.Run) error {
	t, err := parsePage()
	if err != nil {
		return fmt.Errorf("parse page: %w", err)
	}
	style, err := pageFiles.ReadFile("page/style.css")
	if err != nil {
		return fmt.Errorf("read style: %w", err)
	}
	if err := t.Execute(w, newPage(r, style)); err != nil {
		return fmt.Errorf("write page: %w", err)
	}
	return nil
}

// page is the data of the template.
type page struct {
	result.Run
	Title string
	// Policy allows only the style sheet of the page.
	Policy string

	Headline, Times, Load, What, Tester, Sent string
	State                                     string
	Reasons                                   []string
	Tiles                                     []tile
	Facts                                     []fact
	Charts, SelfCharts                        []chart
	Histogram                                 chart
	CapacityChart                             *chart
	CapacitySaid                              string
	Heads                                     []string
	Outcomes                                  []outcome
	Intervals                                 []intervalRow
}

type tile struct{ Title, Value, Unit, Beside, State string }

// Columns returns the class for the number of tiles that fills their rows best.
func (p page) Columns() string {
	switch len(p.Tiles) {
	case 7:
		return "seven"
	case 8:
		return "eight"
	case 11, 12:
		return "six"
	default:
		return "five"
	}
}

type fact struct{ Name, Value string }

func newPage(r result.Run, style []byte) page {
	sum := sha256.Sum256(style)
	p := page{
		Run: r, Title: scenarioOf(r.Settings) + " at " + format.Line(r.Host),
		Policy:   "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; img-src data:; base-uri 'none'; form-action 'none'",
		Headline: headline(r), Times: times(r), Load: wantedLoad(r.Settings), What: scenarioOf(r.Settings), Tester: capital(selfSentence(r.Self)),
		State: stateOf(r), Reasons: reasonsOf(r), Tiles: tiles(r), Facts: facts(r),
		Charts: timeCharts(r), SelfCharts: selfCharts(r), Histogram: histogramChart(r),
		Heads: percentileHeads(), Outcomes: outcomesOf(r), Intervals: intervalRows(r),
	}
	if r.Stats.Due > 0 || r.Stats.NotSent > 0 {
		p.Sent = sentSentence(r.Stats)
	}
	if r.Capacity != nil {
		c := capacityChart(r.Capacity)
		p.CapacityChart, p.CapacitySaid = &c, capacitySentence(*r.Capacity)
	}
	return p
}

// stateOf returns the class for the colour of the verdict.
func stateOf(r result.Run) string {
	switch {
	case r.Ended.IsZero():
		return "info"
	case r.Verdict.Code == result.Passed:
		return "ok"
	case r.Verdict.Code == result.Bottleneck:
		return "pending"
	default:
		return "firing"
	}
}

// tiles returns the figures at the top.
func tiles(r result.Run) []tile {
	total := r.Stats.Total
	l := total.Response
	failed := tile{Title: "Failures", Value: format.Share(total.Failures, total.Requests), Beside: format.Count(total.Failures) + " failed", State: "ok"}
	if total.Failures > 0 {
		failed.State = "firing"
	}
	all := []tile{
		{Title: "Requests", Value: format.Count(total.Requests), Beside: format.Bytes(total.Bytes) + " read"},
		{Title: "Throughput", Value: format.Rate(total.Rate), Unit: "/s", Beside: "over " + format.Span(counted(r))},
		failed,
		timeTile("Median", l.P50, "mean "+format.Duration(l.Mean)),
		timeTile("p95", l.P95, "p90 "+format.Duration(l.P90)),
		timeTile("p99", l.P99, "p99.9 "+format.Duration(l.P999)),
		timeTile("Longest", l.Max, "shortest "+format.Duration(l.Min)),
	}
	all = append(all, businessTiles(total)...)
	if r.Stats.NotSent > 0 {
		all = append(all, tile{Title: "Not sent", Value: format.Share(r.Stats.NotSent, r.Stats.Due), Beside: format.Count(r.Stats.NotSent) + " tasks", State: "pending"})
	}
	return all
}

func timeTile(title string, m stats.MS, beside string) tile {
	value, unit, _ := strings.Cut(format.Duration(m), " ")
	if strings.Contains(unit, " ") { // minutes and longer need no small unit
		value, unit = format.Duration(m), ""
	}
	return tile{Title: title, Value: value, Unit: unit, Beside: beside}
}

func businessTiles(s stats.Summary) []tile {
	var all []tile
	for _, kind := range slices.Sorted(maps.Keys(s.Business)) {
		all = append(all, tile{Title: capital(words(kind)), Value: format.Share(s.Business[kind], s.Requests), Beside: plural(s.Business[kind], "answer")})
	}
	return all
}

// facts returns the settings that were given.
func facts(r result.Run) []fact {
	s := r.Settings
	all := []fact{
		{"Scenario", scenarioOf(s)},
		{"Host", format.Line(r.Host)},
		{"Protocol", format.Line(r.Protocol)},
		{"Load", wantedLoad(s)},
		{"Run time", format.Line(s.RunTime)},
		{"Time-out", format.Line(s.Timeout)},
		{"Stop timeout", format.Line(s.StopTimeout)},
	}
	if s.MaxInFlight > 0 && isOpen(s) {
		all = append(all, fact{"Max in flight", format.Count(int64(s.MaxInFlight))})
	}
	all = append(all, fact{"Seed", strconv.FormatUint(s.Seed, 10)}, fact{"Worker", format.Line(s.Worker)}, fact{"Fails if", format.Line(strings.Join(s.FailIf, ", "))})
	if s.Abort {
		all = append(all, fact{"On crossing", "ends the run"})
	}
	all = append(all, fact{"Started", r.Started.Format("2006-01-02 15:04:05 -07:00")})
	if !r.Ended.IsZero() {
		all = append(all, fact{"Ended", r.Ended.In(r.Started.Location()).Format("2006-01-02 15:04:05 -07:00")}, fact{"Ended by", format.Line(r.End)})
	}
	all = append(all, fact{"Run", format.Line(r.ID)}, fact{"Onsale", format.Line(r.Program)})
	kept := all[:0]
	for _, f := range all {
		if f.Value != "" {
			kept = append(kept, f)
		}
	}
	return kept
}

// maxRows is the number of intervals in the table below the charts.
const maxRows = 60

// intervalRow has the figures of the charts for one interval.
type intervalRow struct {
	When, Rate, Failed, P50, P95, P99, Max, Users, Wanted string
}

func intervalRows(r result.Run) []intervalRow {
	var rows []intervalRow
	for _, i := range intervals(r.Stats.Series, maxRows) {
		row := intervalRow{
			When: i.when(), Rate: format.Rate(i.perSecond(requests).mean), Failed: format.Rate(i.perSecond(failures).mean),
			Users:  format.Rate(i.gauge(func(p stats.Point) float64 { return float64(p.Users) }).mean),
			Wanted: format.Rate(i.gauge(func(p stats.Point) float64 { return p.Wanted }).mean),
			P50:    "–", P95: "–", P99: "–", Max: "–",
		}
		for _, cell := range []struct {
			into *string
			of   func(stats.Point) stats.MS
		}{
			{&row.P50, func(p stats.Point) stats.MS { return p.P50 }},
			{&row.P95, func(p stats.Point) stats.MS { return p.P95 }},
			{&row.P99, func(p stats.Point) stats.MS { return p.P99 }},
			{&row.Max, func(p stats.Point) stats.MS { return p.Max }},
		} {
			if e := i.latency(cell.of); e.there {
				*cell.into = between(extent{low: e.low / 1e6, high: e.high / 1e6})
			}
		}
		rows = append(rows, row)
	}
	return rows
}

// Percentiles returns the cells of a row in the table of percentiles.
func (page) Percentiles(l stats.Latency) []string {
	var cells []string
	for _, p := range percentiles() {
		cells = append(cells, format.Millis(p.of(l)))
	}
	return cells
}

// Sight returns when something was seen.
func (p page) Sight(at time.Time) string { return sight(p.Run, at) }

// HeldBy returns the result of a step.
func (page) HeldBy(s result.Step) string { return heldBy(s) }

// LoadLabel returns a load with its unit.
func (p page) LoadLabel(load float64) string { return loadOf(*p.Capacity, load) }
