package report_test

import (
	"encoding/csv"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"onsale/internal/stress/report"
	"onsale/internal/stress/result"
	"onsale/internal/stress/stats"
)

// csvOf writes the four files and returns their contents.
func csvOf(t *testing.T, r result.Run) map[string]string {
	t.Helper()
	dir := t.TempDir()
	if err := report.SaveCSV(filepath.Join(dir, "run"), r); err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		text, err := os.ReadFile(filepath.Join(dir, entry.Name()))
		if err != nil {
			t.Fatal(err)
		}
		all[entry.Name()] = string(text)
	}
	return all
}

// TestCSVIsLocusts compares with the headings that Locust 2.12 wrote with --csv, byte
// by byte.
func TestCSVIsLocusts(t *testing.T) {
	t.Parallel()
	files := csvOf(t, sample(5))
	heads := map[string]string{
		"run_stats.csv":         "Type,Name,Request Count,Failure Count,Median Response Time,Average Response Time,Min Response Time,Max Response Time,Average Content Size,Requests/s,Failures/s,50%,66%,75%,80%,90%,95%,98%,99%,99.9%,99.99%,100%\r\n",
		"run_stats_history.csv": "Timestamp,User Count,Type,Name,Requests/s,Failures/s,50%,66%,75%,80%,90%,95%,98%,99%,99.9%,99.99%,100%,Total Request Count,Total Failure Count,Total Median Response Time,Total Average Response Time,Total Min Response Time,Total Max Response Time,Total Average Content Size\r\n",
		"run_failures.csv":      "Method,Name,Error,Occurrences\r\n",
		"run_exceptions.csv":    "Count,Message,Traceback,Nodes\r\n",
	}
	for name, head := range heads {
		if !strings.HasPrefix(files[name], head) {
			t.Errorf("%s begins with\n%.300s\nwant\n%s", name, files[name], head)
		}
		golden(t, name, files[name])
	}
	if len(files) != len(heads) {
		t.Errorf("there are %d files, want %d: is a temporary one left?", len(files), len(heads))
	}
}

// TestCSVAddsUp reads the files again, like any other program.
func TestCSVAddsUp(t *testing.T) {
	t.Parallel()
	r := sample(5)
	r.Stats.Entries[0].Name = "a \"quoted\" name,\nof two lines"
	r.Stats.Entries[1].Name = `=HYPERLINK("http://evil")`
	r.Stats.Failures[0].Detail = "x"
	r.Stats.Failures[0].Kind = "@SUM(1)"
	for name, text := range csvOf(t, r) {
		rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		switch name {
		case "run_stats.csv":
			if got := rows[1][1]; got != r.Stats.Entries[0].Name {
				t.Errorf("the name is read as %q", got)
			}
			if got := rows[2][1]; got != "'"+r.Stats.Entries[1].Name {
				t.Errorf("a spreadsheet takes %q for a formula", got)
			}
			if got := rows[3][:4]; strings.Join(got, " ") != " Aggregated 30000 214" {
				t.Errorf("the last row begins with %q", got)
			}
		case "run_stats_history.csv":
			last := rows[len(rows)-1]
			var requests int64
			for _, p := range r.Stats.Series {
				requests += p.Requests
			}
			if got, want := last[17], requests; got != intText(want) {
				t.Errorf("the history counts %s requests, want %d", got, want)
			}
			if got := len(rows) - 1; got != len(r.Stats.Series) {
				t.Errorf("the history has %d rows, want one for each of %d intervals", got, len(r.Stats.Series))
			}
		case "run_failures.csv":
			if got := rows[1][2]; got != "'@SUM(1): x" {
				t.Errorf("a spreadsheet takes %q for a formula", got)
			}
		case "run_exceptions.csv":
			if len(rows) != 2 || rows[1][0] != "1" || rows[1][3] != "local" {
				t.Errorf("the exceptions are %q, want the error of a task alone", rows)
			}
		}
	}
}

func TestCSVOfNothing(t *testing.T) {
	t.Parallel()
	got := csvOf(t, result.Run{Stats: stats.Snapshot{Series: []stats.Point{{At: 1}}}})["run_stats.csv"]
	if !strings.HasSuffix(got, ",Aggregated,0,0,0,0,0,0,0,0,0"+strings.Repeat(",N/A", 11)+"\r\n") {
		t.Errorf("without requests the file is\n%s", got)
	}
}

func TestSaveNamesTheFile(t *testing.T) {
	t.Parallel()
	missing := filepath.Join(t.TempDir(), "missing", "run")
	for name, save := range map[string]func() error{
		"csv":  func() error { return report.SaveCSV(missing, sample(1)) },
		"html": func() error { return report.SaveHTML(missing, sample(1)) },
		"json": func() error { return report.SaveJSON(missing, nil, sample(1)) },
	} {
		err := save()
		if !errors.Is(err, fs.ErrNotExist) || !strings.HasPrefix(err.Error(), "write "+missing) || strings.Contains(err.Error(), ".tmp") {
			t.Errorf("%s: the error is %v, want one that names %s", name, err, missing)
		}
	}
}
