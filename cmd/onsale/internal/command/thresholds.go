package command

import (
	"time"

	"onsale/internal/catalog"
)

// Thresholds are the flags that set the thresholds of the alerts.
type Thresholds struct {
	FailureShare      float64       `help:"Maximum share of failed API calls, 0 to 1." default:"0.02"`
	DenialShare       float64       `help:"Maximum share of denied purchases, 0 to 1." default:"0.02"`
	ItemErrorShare    float64       `help:"Maximum share of failed item calls, 0 to 1." default:"0.05"`
	MinimumRate       float64       `help:"Minimum calls per second; below it, the shares do not alert." default:"0.2"`
	BuyLatency        time.Duration `help:"Maximum 95th percentile latency of purchases." default:"5s"`
	Latency           time.Duration `help:"Maximum 95th percentile latency of all other calls." default:"1s"`
	DatabaseLatency   time.Duration `help:"Maximum 95th percentile latency of database calls." default:"500ms"`
	DatabaseErrorRate float64       `help:"Maximum number of failed database calls per second." default:"0.2"`
	QueueShare        float64       `help:"Maximum fill level of the order queue, 0 to 1." default:"0.5"`
	CPUPercent        float64       `name:"cpu-percent" help:"Maximum CPU usage of the machine or container, in percent." default:"90"`
	MemoryPercent     float64       `help:"Maximum memory usage of the machine or container, in percent." default:"90"`
}

// Set sets the thresholds.
func (t *Thresholds) Set(s *catalog.Settings) {
	s.FailureShare, s.DenialShare, s.ItemErrorShare = t.FailureShare, t.DenialShare, t.ItemErrorShare
	s.MinimumRate, s.DatabaseErrorRate, s.QueueShare = t.MinimumRate, t.DatabaseErrorRate, t.QueueShare
	s.BuyLatency, s.Latency, s.DatabaseLatency = t.BuyLatency, t.Latency, t.DatabaseLatency
	s.CPUPercent, s.MemoryPercent = t.CPUPercent, t.MemoryPercent
}
