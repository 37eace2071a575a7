package report

import (
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"onsale/internal/stress/format"
	"onsale/internal/stress/result"
	"onsale/internal/stress/stats"
)

// none is the text of an unknown value, as in Locust's files.
const none = "N/A"

// percentile is a percentile and the heading of its column in Locust's files.
type percentile struct {
	Head string
	of   func(stats.Latency) stats.MS
}

// percentiles returns the percentiles of Locust's tables, in their order.
func percentiles() []percentile {
	return []percentile{
		{"50%", func(l stats.Latency) stats.MS { return l.P50 }},
		{"66%", func(l stats.Latency) stats.MS { return l.P66 }},
		{"75%", func(l stats.Latency) stats.MS { return l.P75 }},
		{"80%", func(l stats.Latency) stats.MS { return l.P80 }},
		{"90%", func(l stats.Latency) stats.MS { return l.P90 }},
		{"95%", func(l stats.Latency) stats.MS { return l.P95 }},
		{"98%", func(l stats.Latency) stats.MS { return l.P98 }},
		{"99%", func(l stats.Latency) stats.MS { return l.P99 }},
		{"99.9%", func(l stats.Latency) stats.MS { return l.P999 }},
		{"99.99%", func(l stats.Latency) stats.MS { return l.P9999 }},
		{"100%", func(l stats.Latency) stats.MS { return l.Max }},
	}
}

func percentileHeads() []string {
	var heads []string
	for _, p := range percentiles() {
		heads = append(heads, p.Head)
	}
	return heads
}

// SaveCSV writes the four files that Locust writes with --csv PREFIX, with the same
// names and the same columns in the same order: PREFIX_stats.csv,
// PREFIX_stats_history.csv, PREFIX_failures.csv and PREFIX_exceptions.csv. Times are in
// milliseconds.
//
// Two things differ from Locust on purpose. Times keep their decimals, so that a time
// below a millisecond is not 0. And the percentiles in a row of the history are those
// of its own interval; figures that an interval does not have are N/A.
func SaveCSV(prefix string, r result.Run) error {
	for _, file := range []struct {
		suffix string
		rows   func(result.Run) [][]string
	}{
		{"_stats.csv", statsRows},
		{"_stats_history.csv", historyRows},
		{"_failures.csv", failureRows},
		{"_exceptions.csv", exceptionRows},
	} {
		rows := file.rows(r)
		if err := save(prefix+file.suffix, func(w io.Writer) error { return writeCSV(w, rows) }); err != nil {
			return err
		}
	}
	return nil
}

// writeCSV ends lines with CR LF, like Python's csv module.
func writeCSV(w io.Writer, rows [][]string) error {
	c := csv.NewWriter(w)
	c.UseCRLF = true
	if err := c.WriteAll(rows); err != nil {
		return fmt.Errorf("write rows: %w", err)
	}
	return nil
}

func statsRows(r result.Run) [][]string {
	rows := [][]string{append([]string{
		"Type", "Name", "Request Count", "Failure Count",
		"Median Response Time", "Average Response Time", "Min Response Time", "Max Response Time",
		"Average Content Size", "Requests/s", "Failures/s",
	}, percentileHeads()...)}
	for _, s := range r.Stats.Entries {
		rows = append(rows, statsRow(cell(s.Method), cell(s.Name), s))
	}
	return append(rows, statsRow("", "Aggregated", r.Stats.Total))
}

func statsRow(method, name string, s stats.Summary) []string {
	row := []string{
		method, name, integer(s.Requests), integer(s.Failures),
		exact(s.Response.P50), exact(s.Response.Mean), exact(s.Response.Min), exact(s.Response.Max),
		contentSize(s), float(s.Rate), float(s.FailureRate),
	}
	for _, p := range percentiles() {
		if s.Requests == 0 {
			row = append(row, none)
			continue
		}
		row = append(row, exact(p.of(s.Response)))
	}
	return row
}

func historyRows(r result.Run) [][]string {
	rows := [][]string{slices.Concat([]string{"Timestamp", "User Count", "Type", "Name", "Requests/s", "Failures/s"}, percentileHeads(), []string{
		"Total Request Count", "Total Failure Count", "Total Median Response Time", "Total Average Response Time",
		"Total Min Response Time", "Total Max Response Time", "Total Average Content Size",
	})}
	var requests, failures int64
	var longest stats.MS
	for _, p := range r.Stats.Series {
		requests += p.Requests
		failures += p.Failures
		longest = max(longest, p.Max)
		at := r.Started.Add(time.Duration(p.At * float64(time.Second)))
		row := []string{
			strconv.FormatInt(at.Unix(), 10), strconv.Itoa(p.Users), "", "Aggregated",
			perSecond(p.Requests, p.Length), perSecond(p.Failures, p.Length),
		}
		row = append(row, historyPercentiles(p)...)
		rows = append(rows, append(row, integer(requests), integer(failures), none, none, none, exact(longest), none))
	}
	return rows
}

// historyPercentiles returns those of Locust's percentiles that an interval has.
func historyPercentiles(p stats.Point) []string {
	known := map[string]stats.MS{"50%": p.P50, "95%": p.P95, "99%": p.P99, "100%": p.Max}
	var row []string
	for _, head := range percentileHeads() {
		if m, ok := known[head]; ok && p.Requests > 0 {
			row = append(row, exact(m))
			continue
		}
		row = append(row, none)
	}
	return row
}

func failureRows(r result.Run) [][]string {
	rows := [][]string{{"Method", "Name", "Error", "Occurrences"}}
	for _, f := range r.Stats.Failures {
		rows = append(rows, []string{cell(f.Method), cell(f.Name), cell(reason(f)), integer(f.Count)})
	}
	return rows
}

// exceptionRows returns the errors of tasks themselves, which Locust calls exceptions.
// They are failures as well, so that the sums agree.
func exceptionRows(r result.Run) [][]string {
	rows := [][]string{{"Count", "Message", "Traceback", "Nodes"}}
	for _, f := range r.Stats.Failures {
		if f.Kind == stats.KindTask {
			rows = append(rows, []string{integer(f.Count), cell(f.Detail), "", "local"})
		}
	}
	return rows
}

// cell keeps spreadsheets from running text of a file or a server as a formula: a
// leading apostrophe marks it as text.
func cell(text string) string {
	if text != "" && strings.ContainsRune("=+-@\t\r", rune(text[0])) {
		return "'" + text
	}
	return text
}

// exact formats milliseconds with all known decimals.
func exact(m stats.MS) string {
	return format.TrimZero(float64(m)/float64(time.Millisecond), 3)
}

func integer(n int64) string { return strconv.FormatInt(n, 10) }

func float(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

func perSecond(n int64, seconds float64) string {
	if seconds <= 0 {
		return "0.000000"
	}
	return strconv.FormatFloat(float64(n)/seconds, 'f', 6, 64)
}

func contentSize(s stats.Summary) string {
	if s.Requests == 0 {
		return "0"
	}
	return float(float64(s.Bytes) / float64(s.Requests))
}
