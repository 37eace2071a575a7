package schema

import (
	"log/slog"
	"time"
)

// ProgressInterval is the default time between two log lines about a running
// migration.
const ProgressInterval = 10 * time.Second

// report logs the start of a migration, and every interval that it is still
// running. The caller calls end with the migration's error, or nil.
func report(log *slog.Logger, interval time.Duration) (end func(error)) {
	begin, stop, stopped := time.Now(), make(chan struct{}), make(chan struct{})
	log.Info("migration started")
	go func() {
		defer close(stopped)
		ticker := time.NewTicker(interval)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				log.Info("migration is running", "elapsed", time.Since(begin).Round(time.Second))
			case <-stop:
				return
			}
		}
	}()
	return func(err error) {
		close(stop)
		<-stopped
		if took := time.Since(begin).Round(time.Millisecond); err != nil {
			log.Warn("migration rolled back", "duration", took, "error", err)
		} else {
			log.Info("migration applied", "duration", took)
		}
	}
}
