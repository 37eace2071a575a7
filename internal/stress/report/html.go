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

	"onsale/internal/stress/stats"
)

//go:embed page
var pageFiles embed.FS

// parsePage parses the template once.
var parsePage = sync.OnceValues(func() (*template.Template, error) {
	return template.New("report.html").Funcs(template.FuncMap{
		"ms": millis, "duration": duration, "count": count, "rate": rate, "share": share, "portion": portion, "bytes": bytes, "words": words,
		"plain": plain, "brief": func(text string) string { return Cut(plain(text), maxCell) }, "amount": amount, "whole": wholePercent, "reason": reason,
		"per": func(part, whole int64) int64 { return part / whole },
	}).ParseFS(pageFiles, "page/report.html", "page/style.css")
})

// maxCell bounds a name or an error in a table of the page, in characters.
const maxCell = 300

// SaveHTML writes a report as one page to a file.
func SaveHTML(file string, r Report) error {
	return save(file, func(w io.Writer) error { return WriteHTML(w, r) })
}

// WriteHTML writes a report as one page that needs nothing else: no script, no
// font, no network. Its policy forbids the browser to load or run anything, so that what a server
// said stays text even if it were not escaped.
func WriteHTML(w io.Writer, r Report) error {
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

// page is what the template draws.
type page struct {
	Report
	Title string
	// Policy allows the page its own style sheet, and nothing else.
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

// Columns is the class of so many tiles that their rows are full, or nearly.
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

func newPage(r Report, style []byte) page {
	sum := sha256.Sum256(style)
	p := page{
		Report: r, Title: r.Settings.what() + " at " + plain(r.Host),
		Policy:   "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; img-src data:; base-uri 'none'; form-action 'none'",
		Headline: r.headline(), Times: r.times(), Load: r.Settings.load(), What: r.Settings.what(), Tester: capital(selfSentence(r.Self)),
		State: r.state(), Reasons: r.reasons(), Tiles: tiles(r), Facts: facts(r),
		Charts: timeCharts(r), SelfCharts: selfCharts(r), Histogram: histogramChart(r),
		Heads: percentileHeads(), Outcomes: r.outcomes(), Intervals: intervalRows(r),
	}
	if r.Stats.Due > 0 || r.Stats.NotSent > 0 {
		p.Sent = sentSentence(r.Stats)
	}
	if r.Capacity != nil {
		c := capacityChart(r.Capacity)
		p.CapacityChart, p.CapacitySaid = &c, r.Capacity.sentence()
	}
	return p
}

// state is the class that colours the verdict.
func (r Report) state() string {
	switch {
	case r.Ended.IsZero():
		return "info"
	case r.Verdict.Code == Passed:
		return "ok"
	case r.Verdict.Code == Bottleneck:
		return "pending"
	default:
		return "firing"
	}
}

// tiles are the figures at the top.
func tiles(r Report) []tile {
	total := r.Stats.Total
	l := total.Response
	failed := tile{Title: "Failures", Value: share(total.Failures, total.Requests), Beside: count(total.Failures) + " failed", State: "ok"}
	if total.Failures > 0 {
		failed.State = "firing"
	}
	all := []tile{
		{Title: "Requests", Value: count(total.Requests), Beside: bytes(total.Bytes) + " read"},
		{Title: "Throughput", Value: rate(total.Rate), Unit: "/s", Beside: "over " + span(r.counted())},
		failed,
		timeTile("Median", l.P50, "mean "+duration(l.Mean)),
		timeTile("p95", l.P95, "p90 "+duration(l.P90)),
		timeTile("p99", l.P99, "p99.9 "+duration(l.P999)),
		timeTile("Longest", l.Max, "shortest "+duration(l.Min)),
	}
	all = append(all, businessTiles(total)...)
	if r.Stats.NotSent > 0 {
		all = append(all, tile{Title: "Not sent", Value: share(r.Stats.NotSent, r.Stats.Due), Beside: count(r.Stats.NotSent) + " tasks", State: "pending"})
	}
	return all
}

func timeTile(title string, m stats.MS, beside string) tile {
	value, unit, _ := strings.Cut(duration(m), " ")
	if strings.Contains(unit, " ") { // minutes and more need no small unit
		value, unit = duration(m), ""
	}
	return tile{Title: title, Value: value, Unit: unit, Beside: beside}
}

func businessTiles(s stats.Summary) []tile {
	var all []tile
	for _, kind := range slices.Sorted(maps.Keys(s.Business)) {
		all = append(all, tile{Title: capital(words(kind)), Value: share(s.Business[kind], s.Requests), Beside: plural(s.Business[kind], "answer")})
	}
	return all
}

// facts are the settings, those alone that were given.
func facts(r Report) []fact {
	s := r.Settings
	all := []fact{
		{"Scenario", s.what()},
		{"Host", plain(r.Host)},
		{"Protocol", plain(r.Protocol)},
		{"Load", s.load()},
		{"Run time", plain(s.RunTime)},
		{"Time-out", plain(s.Timeout)},
		{"Stop time-out", plain(s.StopTimeout)},
	}
	if s.MaxInFlight > 0 && s.open() {
		all = append(all, fact{"At most in flight", count(int64(s.MaxInFlight))})
	}
	all = append(all, fact{"Seed", strconv.FormatUint(s.Seed, 10)}, fact{"Worker", plain(s.Worker)}, fact{"Fails if", plain(strings.Join(s.FailIf, ", "))})
	if s.Abort {
		all = append(all, fact{"On crossing", "ends the run"})
	}
	all = append(all, fact{"Started", r.Started.Format("2006-01-02 15:04:05 -07:00")})
	if !r.Ended.IsZero() {
		all = append(all, fact{"Ended", r.Ended.In(r.Started.Location()).Format("2006-01-02 15:04:05 -07:00")}, fact{"Ended by", plain(r.End)})
	}
	all = append(all, fact{"Run", plain(r.ID)}, fact{"Onsale", plain(r.Program)})
	kept := all[:0]
	for _, f := range all {
		if f.Value != "" {
			kept = append(kept, f)
		}
	}
	return kept
}

// maxRows is how many intervals the table beside the charts has.
const maxRows = 60

// intervalRow is what the charts show, as figures.
type intervalRow struct {
	When, Rate, Failed, P50, P95, P99, Max, Users, Wanted string
}

func intervalRows(r Report) []intervalRow {
	var rows []intervalRow
	for _, i := range intervals(r.Stats.Series, maxRows) {
		row := intervalRow{
			When: i.when(), Rate: rate(i.perSecond(requests).mean), Failed: rate(i.perSecond(failures).mean),
			Users:  rate(i.gauge(func(p stats.Point) float64 { return float64(p.Users) }).mean),
			Wanted: rate(i.gauge(func(p stats.Point) float64 { return p.Wanted }).mean),
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

// Percentiles are the cells of a row of the table of percentiles.
func (page) Percentiles(l stats.Latency) []string {
	var cells []string
	for _, p := range percentiles() {
		cells = append(cells, millis(p.of(l)))
	}
	return cells
}

// Sight says when something was seen.
func (p page) Sight(at time.Time) string { return p.sight(at) }

// HeldBy says what came of a step.
func (page) HeldBy(s CapacityStep) string { return s.held() }

// Label writes a load with its unit.
func (c Capacity) Label(load float64) string { return c.load(load) }
