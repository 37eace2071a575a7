package coverage_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"onsale/internal/catalog"
	"onsale/internal/monitor/coverage"
)

// series is a fake Prometheus with one or two targets. It stores the names of their series.
type series struct {
	mu    sync.Mutex
	names []string
	other []string // the names of the second target; nil if there is none
	down  bool
	err   error
}

func (s *series) set(names ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.names = names
}

// addTarget adds a second target with these names.
func (s *series) addTarget(names ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.other = names
}

func (s *series) answer(down bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down, s.err = down, err
}

var metricName = regexp.MustCompile(`[a-z_]+\{`)

func (s *series) query(_ context.Context, expr string) ([]coverage.Sample, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := strings.TrimSuffix(metricName.FindString(expr), "{")
	var found []coverage.Sample
	if s.other != nil && (name == "up" || slices.Contains(s.other, name)) {
		found = append(found, coverage.Sample{Labels: map[string]string{"instance": "shop:8001"}, Value: 1})
	}
	one := coverage.Sample{Labels: map[string]string{"instance": "shop:8000"}, Value: 1}
	switch {
	case s.err != nil:
		return nil, s.err
	case name == "up" && s.down:
		one.Value = 0
		return append(found, one), nil
	case name == "up" || !s.down && slices.Contains(s.names, name):
		return append(found, one), nil
	}
	return found, nil
}

// logOf runs a coverage of two alerts while story runs, and returns the log lines.
func logOf(t *testing.T, story func(*series)) []string {
	t.Helper()
	var log bytes.Buffer
	synctest.Test(t, func(t *testing.T) {
		c := coverage.New(coverage.Options{
			Job: "shop", Scrape: time.Second, Logger: slog.New(slog.NewTextHandler(&log, nil)),
			Alerts: []catalog.Alert{
				{Name: "Hot", Needs: [][]catalog.Series{{{Name: "heat"}}}},
				{Name: "Hotter", Needs: [][]catalog.Series{{{Name: "heat"}}}},
				{Name: "Wet", Needs: [][]catalog.Series{{{Name: "rain", Match: "kind=~'a|b'"}}}},
				{Name: "Down"},
			},
		})
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		target := new(series)
		running.Go(func() {
			c.Run(ctx, coverage.Source{Query: target.query, Announces: func(string, string) bool { return false }})
		})
		story(target)
		stop()
		running.Wait()
	})
	var lines []string
	for line := range strings.Lines(log.String()) {
		_, line, _ = strings.Cut(line, "msg=")
		lines = append(lines, strings.TrimSpace(line))
	}
	return lines
}

// contain fails the test unless each line contains its words and there are no other lines.
func contain(t *testing.T, lines []string, words ...string) {
	t.Helper()
	if len(lines) != len(words) {
		t.Fatalf("%d lines, want %d:\n%s", len(lines), len(words), strings.Join(lines, "\n"))
	}
	for i, line := range lines {
		if !strings.Contains(line, words[i]) {
			t.Errorf("line %d is %s, want %s", i+1, line, words[i])
		}
	}
}

// One line at start names the alerts that cannot fire, and the series they lack.
func TestStartIsLoggedOnce(t *testing.T) {
	t.Parallel()
	lines := logOf(t, func(*series) { time.Sleep(time.Hour) })
	contain(t, lines, `alerts="Hot, Hotter: no heat; Wet: no rain{kind=~'a|b'}"`)
	if !strings.Contains(lines[0], "count=3 of=4") {
		t.Errorf("line is %s", lines[0])
	}
}

// An alert that can fire for only one of two targets is logged too, with the name of the
// other target.
func TestTargetThatLacksSeriesIsLogged(t *testing.T) {
	t.Parallel()
	contain(t, logOf(t, func(s *series) {
		s.set("heat", "rain")
		s.addTarget("rain")
		time.Sleep(time.Hour)
		s.addTarget("heat", "rain")
		time.Sleep(time.Hour)
	}),
		`alerts cannot fire for some targets, which lack the series they need" component=coverage job=shop `+
			`count=2 of=4 alerts="Hot, Hotter: evaluated on 1 of 2 instances: shop:8001 has no heat"`,
		`all alerts can fire`)
	// Series that no target has are logged in another line.
	contain(t, logOf(t, func(s *series) {
		s.set("heat")
		s.addTarget("any")
		time.Sleep(time.Hour)
	}), `alerts="Wet: no rain`, `alerts="Hot, Hotter: evaluated on 1 of 2`)
}

// Negative control: nothing is logged about a target that has all series.
func TestNothingMissingLogsNothing(t *testing.T) {
	t.Parallel()
	contain(t, logOf(t, func(s *series) {
		s.set("heat", "rain")
		time.Sleep(time.Hour)
	}))
}

// Series that appear with the first scrapes are not reported as missing.
func TestStartWaitsForTheFirstScrapes(t *testing.T) {
	t.Parallel()
	contain(t, logOf(t, func(s *series) {
		time.Sleep(2500 * time.Millisecond) // two checks
		s.set("heat", "rain")
		time.Sleep(time.Hour)
	}))
}

// A change that lasts is logged once. A short one is not logged.
func TestChangesAreLoggedOnce(t *testing.T) {
	t.Parallel()
	contain(t, logOf(t, func(s *series) {
		s.set("heat", "rain")
		time.Sleep(time.Minute)
		s.set("heat") // for two checks
		time.Sleep(8 * time.Second)
		s.set("heat", "rain")
		time.Sleep(time.Minute)
		s.set("heat")
		time.Sleep(time.Hour)
		s.set("heat", "rain")
		time.Sleep(time.Hour)
	}), `alerts="Wet: no rain`, `all alerts can fire`)
}

// A target that is down does not change the result. If no target has ever answered, that
// is logged once after a while. When one answers, its result is logged.
func TestDownIsNotAChange(t *testing.T) {
	t.Parallel()
	contain(t, logOf(t, func(s *series) {
		s.set("heat", "rain")
		time.Sleep(time.Minute)
		s.answer(true, nil)
		time.Sleep(time.Hour)
		s.answer(false, nil)
		time.Sleep(time.Hour)
	}))
	contain(t, logOf(t, func(s *series) {
		s.answer(true, nil)
		time.Sleep(time.Hour)
		s.answer(false, nil)
		time.Sleep(time.Hour)
	}), "no target has answered", "alerts cannot fire")
}

// A query that fails repeatedly is logged once, until it succeeds.
func TestFailedChecksAreLoggedOnce(t *testing.T) {
	t.Parallel()
	contain(t, logOf(t, func(s *series) {
		s.set("heat", "rain")
		s.answer(false, errors.New("out of memory"))
		time.Sleep(time.Hour)
		s.answer(false, nil)
		time.Sleep(time.Hour)
		s.answer(false, errors.New("out of memory"))
		time.Sleep(time.Hour)
	}), "out of memory", "out of memory")
}
