package prom_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestClockSetBackWhileRunning(t *testing.T) {
	t.Parallel()
	o, log, back := options(t, newTarget(t)), new(logbook), new(atomic.Int64)
	o.Logger = log.logger(slog.LevelInfo)
	o.Now = func() time.Time { return time.Now().Add(-time.Duration(back.Load())) }
	r := start(t, o)
	r.is(t, "up", "1")
	back.Store(int64(14 * time.Minute)) // less than maxAhead
	r.is(t, "count_over_time(up[1h]) > bool 10", "1")
	if log.String() != "" {
		t.Errorf("logged %s", log)
	}
	back.Store(int64(time.Hour))
	eventually(t, "samples are moved to the directory ahead", func() bool {
		_, err := os.Stat(filepath.Join(o.Dir, "ahead", "wal"))
		return err == nil
	})
	back.Store(0)
	eventually(t, "the target is scraped again", func() bool {
		_, body := r.get(t, "/api/v1/query?query=up")
		return strings.Contains(body, `,"1"]`)
	})
	if !strings.Contains(log.String(), "moved samples with future timestamps out of the database") {
		t.Errorf("no line in the log: %s", log)
	}
}

// TestDamageBeyondRepair damages a file that the library cannot repair.
func TestDamageBeyondRepair(t *testing.T) {
	t.Parallel()
	o, log := options(t, newTarget(t)), new(logbook)
	o.Logger = log.logger(slog.LevelInfo)
	damaged := filepath.Join("chunks_head", "000001")
	if err := os.MkdirAll(filepath.Join(o.Dir, "chunks_head"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(o.Dir, damaged), []byte("no file of samples"), 0o600); err != nil {
		t.Fatal(err)
	}
	start(t, o).is(t, "up", "1")
	if lines := strings.Split(strings.TrimSpace(log.String()), "\n"); len(lines) != 1 ||
		!strings.Contains(lines[0], "cannot read metrics; moved the damaged files out of the database") {
		t.Errorf("want one line, got %s", log)
	}
	if _, err := os.Stat(filepath.Join(o.Dir, "broken", damaged)); err != nil {
		t.Error(err)
	}
}
