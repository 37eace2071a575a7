package automate_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"onsale/internal/automate"
)

var update = flag.Bool("update", false, "write the golden files")

func TestProgressWithoutATerminal(t *testing.T) {
	t.Parallel()
	text := progressOf(t, 12*time.Second, false)
	want := regexp.MustCompile(`^onsale: 5s: 10 calls, 2\.0/s, \d created, \d deleted, 0 failed, p95 \d+\.\dms
onsale: 10s: 20 calls, 2\.0/s, \d+ created, \d+ deleted, 0 failed, p95 \d+\.\dms
$`)
	if !want.MatchString(text) {
		t.Errorf("got\n%s", text)
	}
}

func TestProgressOnATerminalIsOneLine(t *testing.T) {
	t.Parallel()
	text := progressOf(t, 12*time.Second, true)
	if strings.Contains(text, "\n") || strings.Count(text, "calls") < 40 {
		t.Errorf("got %q", text)
	}
	for part := range strings.SplitSeq(text, "\r") {
		if len(part) > 79 {
			t.Errorf("%q does not fit on a line", part)
		}
	}
	if last := strings.Split(text, "\r"); strings.TrimSpace(last[len(last)-2]) != "" {
		t.Errorf("the line was not removed: %q", last[len(last)-2])
	}
}

func progressOf(t *testing.T, d time.Duration, terminal bool) (text string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		o := automate.DefaultOptions()
		o.Duration, o.Seed = d, 1
		a, err := automate.New(newFake(creating(5)), o)
		if err != nil {
			t.Fatal(err)
		}
		var w bytes.Buffer
		ctx, stop := context.WithCancel(t.Context())
		shown := make(chan struct{})
		go func() {
			defer close(shown)
			a.Progress(ctx, &w, terminal)
		}()
		a.Run(t.Context())
		stop()
		<-shown
		text = w.String()
	})
	return text
}

func TestSummaryGolden(t *testing.T) {
	t.Parallel()
	ms := time.Millisecond
	sum := automate.Summary{
		Interrupted: true, Elapsed: 8215 * ms, Calls: 48,
		Statuses: map[int]int64{0: 2, 200: 14, 201: 20, 500: 12}, Errors: map[string]int64{"injected": 12, "connect": 1, "network": 1},
		Examples: map[string]string{
			"connect":  "POST /api/token got no answer: dial tcp 127.0.0.1:8000: connect: connection refused",
			"injected": "DELETE /api/items/x got status 500: Injected fault",
		},
		Latency: []automate.Latency{{"token", 1, ms, ms, ms, ms}, {"all", 46, 300 * ms, 480 * ms, 1200 * ms, 61 * time.Second}},
		Created: 20, Deleted: 12, Kept: 6, Missing: 1, Unsure: 1, Failed: 3,
		Recorded: 6, Lost: 42, RecordError: errors.New("write log: no space left on device"),
	}
	var w bytes.Buffer
	sum.Write(&w, "calls.jsonl")
	(automate.Summary{}).Write(&w, "")
	golden := filepath.Join("testdata", "summary.golden")
	if *update {
		if err := os.WriteFile(golden, w.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if w.String() != string(want) {
		t.Errorf("got\n%s\nwant\n%s", w.String(), want)
	}
}
