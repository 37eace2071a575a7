package app

import (
	"math"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"onsale/internal/catalog"
	"onsale/internal/crowd"
	"onsale/internal/fault"
)

// site returns a function that describes this machine and its load for the provocations on
// the page. It must be called before the monitoring starts.
func (a *App) site(started time.Time) func() catalog.Site {
	// Alerts also read the metrics that an earlier run has stored.
	_, err := os.Stat(filepath.Join(a.options.DataDir, "prometheus"))
	before := err == nil
	return func() catalog.Site {
		settings := a.extras.crowd.State().Settings
		site := catalog.Site{
			CPUs: runtime.NumCPU(), Processors: runtime.GOMAXPROCS(0), MemoryReserve: fault.MemoryReserve,
			QueueLimit: a.options.QueueLimit, Users: settings.Users,
			Items: settings.Scenario == crowd.Items, RandomDeny: settings.Scenario == crowd.TicketsRandomDeny,
			Watched: time.Since(started),
		}
		if before {
			site.Watched = math.MaxInt64 / 2
		}
		// Memory that cannot be read stays 0, which is unknown.
		if used, total, err := a.machine.Memory(); err == nil {
			site.MemoryUsed, site.MemoryTotal = used, total
		}
		if limit := a.machine.CPULimit(); limit > 0 {
			site.CPUs = int(math.Ceil(limit))
		}
		return site
	}
}
