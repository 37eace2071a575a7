package report_test

import (
	"errors"
	"strings"
	"testing"
	"time"
	"unicode"

	"onsale/internal/stress/report"
	"onsale/internal/stress/result"
	"onsale/internal/stress/stats"
)

func text(t *testing.T, r result.Run, o report.TextOptions) string {
	t.Helper()
	var out strings.Builder
	if err := report.WriteText(&out, r, o); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestWriteText(t *testing.T) {
	t.Parallel()
	whole := sample(60)
	whole.Capacity = capacity()
	golden(t, "whole.txt", text(t, whole, report.TextOptions{}))

	plain := sample(60)
	plain.Settings = result.Settings{Scenario: "browse", Users: 100, SpawnRate: 10}
	plain.Stats.Due, plain.Stats.NotSent, plain.Stats.Failures, plain.Stats.Total.Service = 0, 0, nil, nil
	plain.Notes, plain.Verdict, plain.Books = nil, result.Verdict{}, nil
	for i := range plain.Stats.Entries {
		plain.Stats.Entries[i].Service, plain.Stats.Entries[i].Business = nil, nil
	}
	golden(t, "plain.txt", text(t, plain, report.TextOptions{Width: 120, Color: true}))

	golden(t, "nothing.txt", text(t, result.Run{Started: start, Ended: start.Add(time.Second), End: "stopped"}, report.TextOptions{Width: 40}))
}

// TestTextIsLocusts compares with the lines that Locust 2.12 printed, except for the
// note about when times are measured and its "(approximated)", which does not apply to
// ours.
func TestTextIsLocusts(t *testing.T) {
	t.Parallel()
	r := sample(1)
	r.Stats.Total.Service = nil
	got := text(t, r, report.TextOptions{})
	for _, line := range []string{
		"Type     Name                                                                          # reqs      # fails |    Avg     Min     Max    Med |   req/s  failures/s",
		"--------|----------------------------------------------------------------------------|-------|-------------|-------|-------|-------|-------|--------|-----------",
		"Response time percentiles",
		"Type     Name                                                                                  50%    66%    75%    80%    90%    95%    98%    99%  99.9% 99.99%   100% # reqs",
		"--------|--------------------------------------------------------------------------------|--------|------|------|------|------|------|------|------|------|------|------|------",
		"Error report",
		"# occurrences      Error",
	} {
		if !strings.Contains("\n"+got, "\n"+line) {
			t.Errorf("no line begins with %q in\n%s", line, got)
		}
	}
	// The rows, as Locust formats them: "%-8s %-76s %7d %12s |%7d %7d %7d%7d | %7.2f
	// %11.2f".
	want := "POST     /buy_random_deny/[id]                                                          15000   214(1.43%) |     28     5.2     630     25 |  250.00        3.57\n"
	if !strings.Contains(got, want) {
		t.Errorf("no row %q in\n%s", want, got)
	}
}

// TestTextIsTame writes hostile names and answers to a terminal.
func TestTextIsTame(t *testing.T) {
	t.Parallel()
	r := nasty()
	for name, got := range map[string]string{
		"text": text(t, r, report.TextOptions{}),
		"line": lines(r, now(10, 50))[1],
	} {
		for _, char := range got {
			if char != '\n' && (unicode.IsControl(char) || unicode.Is(unicode.Cf, char)) {
				t.Errorf("%s has %q in\n%q", name, char, got)
				break
			}
		}
		if !strings.Contains(got, "window.struck=1") {
			t.Errorf("%s leaves out the hostile text, so the test proves nothing:\n%s", name, got)
		}
	}
	// The negative control: the input contains what the test looks for.
	if !strings.ContainsFunc(hostile, unicode.IsControl) {
		t.Error("the hostile text is tame")
	}
}

// nasty returns a run with hostile text wherever text can come from a file or a server.
func nasty() result.Run {
	r := sample(10)
	r.Settings.Scenario, r.Host, r.Protocol, r.ID, r.End, r.Program = hostile, hostile, hostile, hostile, hostile, hostile
	r.Settings.Shape, r.Settings.Worker, r.Settings.Arrivals, r.Settings.FailIf = hostile, hostile, hostile, []string{hostile}
	r.Notes, r.Verdict.Reasons, r.Self.Reasons, r.Self.Bottleneck = []string{hostile}, []string{hostile}, []string{hostile}, true
	r.Verdict.Checks = []result.Check{{Expr: hostile, Value: hostile}}
	r.Books.Text = hostile
	r.Stats.Total.Business = map[string]int64{hostile: 3, "": 1}
	r.Stats.Entries[0].Business = r.Stats.Total.Business
	r.Stats.Entries[0].Name, r.Stats.Entries[0].Method = strings.Repeat("/a-very-long-name", 40)+hostile, hostile
	r.Stats.Failures = append(r.Stats.Failures, stats.Failure{Method: hostile, Name: hostile, Kind: hostile, Detail: strings.Repeat("x", 3000) + hostile, Count: 1})
	r.Capacity = &result.Capacity{Unit: hostile, Highest: 5, Points: []result.Step{{Load: 5, P99: ms(3), Broke: hostile}}}
	return r
}

func TestWriteTextFails(t *testing.T) {
	t.Parallel()
	if err := report.WriteText(fullDisk{}, sample(1), report.TextOptions{}); !errors.Is(err, errFull) {
		t.Errorf("the error of the writer is returned as %v", err)
	}
}

var errFull = errors.New("no space left")

// fullDisk is a writer that fails.
type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errFull }

// TestTextKeepsNames: names are complete on a terminal of 80 columns.
func TestTextKeepsNames(t *testing.T) {
	t.Parallel()
	got := text(t, sample(1), report.TextOptions{Width: 80})
	if n := strings.Count(got, "POST     /buy_random_deny/[id] "); n < 4 {
		t.Errorf("the name appears %d times, want once in each table:\n%s", n, got)
	}
}
