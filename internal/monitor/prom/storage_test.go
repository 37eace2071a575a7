package prom_test

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"onsale/internal/monitor/prom"
)

func TestDirectoryInUse(t *testing.T) {
	t.Parallel()
	o := options(t, newTarget(t))
	first := start(t, o)
	second, err := prom.New(o)
	if err != nil {
		t.Fatal(err)
	}
	err = second.Run(t.Context())
	if !errors.Is(err, prom.ErrTaken) || !strings.Contains(err.Error(), o.Dir) || strings.Contains(err.Error(), "\n") {
		t.Errorf("a second server: %v", err)
	}
	select {
	case <-second.Ready():
		t.Error("the second server became ready")
	default:
	}
	first.is(t, "up", "1")
	if err := first.stop(); err != nil {
		t.Fatal(err)
	}
	start(t, o).is(t, "up", "1")
}

func TestDirectoryThatCannotBeCreated(t *testing.T) {
	t.Parallel()
	o := options(t, newTarget(t))
	o.Dir = filepath.Join(file(t, "file", "no directory"), "metrics")
	s, err := prom.New(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Run(t.Context()); err == nil || errors.Is(err, prom.ErrTaken) || strings.Contains(err.Error(), "\n") {
		t.Errorf("Run: %v", err)
	}
}

func TestCorruptedLogIsRepaired(t *testing.T) {
	t.Parallel()
	a := newTarget(t)
	o, log := options(t, a), new(logbook)
	o.Logger = log.logger(slog.LevelWarn)
	r := start(t, o)
	r.is(t, "count_over_time(up[1h]) > bool 10", "1")
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	stopped := time.Now()
	// Garbage in the middle of the first segment.
	segment := filepath.Join(o.Dir, "wal", "00000000")
	content, err := os.ReadFile(segment)
	if err != nil {
		t.Fatal(err)
	}
	copy(content[len(content)/2:], "this cannot be a write-ahead log record")
	if err := os.WriteFile(segment, content, 0o600); err != nil {
		t.Fatal(err)
	}
	r = start(t, o)
	if !strings.Contains(log.String(), "Encountered WAL read error, attempting repair") {
		t.Errorf("no line in the log: %s", log)
	}
	r.is(t, "up", "1")
	before := fmt.Sprintf("count_over_time(up[1h] @ %.3f) > bool 1", float64(stopped.UnixMilli())/1000)
	if v := r.query(t, before); len(v) != 1 {
		t.Errorf("the samples before the garbage are gone: %v", v)
	}
}

// TestRepeatedWarningsAreSuppressed exposes a sample with a timestamp that is too old. The
// library warns about it at every scrape. It also logs a lot at level info.
func TestRepeatedWarningsAreSuppressed(t *testing.T) {
	t.Parallel()
	a := newTarget(t)
	o, log := options(t, a), new(logbook)
	o.Logger = log.logger(slog.LevelInfo)
	o.Targets = []string{a.URL + "/extra"}
	exposed := "extra 1 1000\n"
	a.extra.Store(&exposed)
	r := start(t, o)
	r.is(t, "count_over_time(up[1m]) > bool 8", "1")
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(log.String()), "\n")
	if len(lines) != 1 || !strings.Contains(lines[0], `"level":"WARN"`) || !strings.Contains(lines[0], `"component":"prometheus"`) {
		t.Errorf("want one warning, got %d lines: %s", len(lines), log)
	}
}
