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

// site returns what tells the page what a provocation finds here. It is called
// before the monitoring starts.
func (a *App) site(started time.Time) func() catalog.Site {
	// What an earlier run has stored is part of what alerts look back on.
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
