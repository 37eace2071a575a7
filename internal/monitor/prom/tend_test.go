package prom_test

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"onsale/internal/monitor/prom"
)

// plenty is more disk space than is ever needed.
const plenty = 1 << 30

// space is a fake disk whose free space the tests set.
type space struct{ free atomic.Uint64 }

func newSpace(free uint64) *space {
	s := new(space)
	s.free.Store(free)
	return s
}

func (s *space) left(string) (uint64, error) { return s.free.Load(), nil }

// asks waits until the API answers with a status.
func (r *running) asks(t *testing.T, want int) {
	t.Helper()
	eventually(t, fmt.Sprintf("the API answers %d", want), func() bool {
		status, _ := r.get(t, "/api/v1/query?query=up")
		return status == want
	})
}

func TestMetricsPauseWhileTheDiskIsFull(t *testing.T) {
	t.Parallel()
	o, log, disk := options(t, newTarget(t)), new(logbook), newSpace(plenty)
	o.Logger, o.FreeSpace = log.logger(slog.LevelInfo), disk.left
	r := start(t, o)
	r.is(t, "count_over_time(up[1h]) > bool 5", "1")
	disk.free.Store(1 << 20)
	r.asks(t, http.StatusServiceUnavailable)
	full := time.Now()
	disk.free.Store(plenty)
	r.asks(t, http.StatusOK)
	r.is(t, "up", "1")
	r.is(t, fmt.Sprintf("count_over_time(up[1h] @ %.3f) > bool 5", float64(full.UnixMilli())/1000), "1")
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(log.String()), "\n")
	if len(lines) != 2 || !strings.Contains(lines[0], "has 1 MB free, ") || !strings.Contains(lines[1], "metrics are resumed") {
		t.Errorf("want one line for the pause and one for the end of it, got %s", log)
	}
}

func TestStopWhileTheDiskIsFull(t *testing.T) {
	t.Parallel()
	o, disk := options(t, newTarget(t)), newSpace(plenty)
	o.FreeSpace = disk.left
	r := start(t, o)
	disk.free.Store(0)
	r.asks(t, http.StatusServiceUnavailable)
	if err := r.stop(); err != nil {
		t.Errorf("Run: %v", err)
	}
}

func TestDiskIsFullAtStart(t *testing.T) {
	t.Parallel()
	o := options(t, newTarget(t))
	o.FreeSpace = newSpace(0).left
	s, err := prom.New(o)
	if err != nil {
		t.Fatal(err)
	}
	err = s.Run(t.Context())
	if !errors.Is(err, prom.ErrFull) || !strings.Contains(err.Error(), o.Dir+" has 0 MB free, ") || strings.Contains(err.Error(), "\n") {
		t.Errorf("Run: %v", err)
	}
	// If the free space is unknown, Run starts.
	o.FreeSpace = func(string) (uint64, error) { return 0, errors.New("unknown") }
	start(t, o).is(t, "up", "1")
}
