package command

import (
	"time"

	"onsale/internal/catalog"
)

// Thresholds are the flags that set the thresholds of the alerts.
type Thresholds struct {
	FailureShare      float64       `help:"Share of API calls that may fail." default:"0.02"`
	DenialShare       float64       `help:"Share of purchases that may be denied." default:"0.02"`
	ItemErrorShare    float64       `help:"Share of item calls that may fail." default:"0.05"`
	MinimumRate       float64       `help:"Calls per second below which no share is judged." default:"0.2"`
	BuyLatency        time.Duration `help:"Limit of the 95th percentile of purchases." default:"5s"`
	Latency           time.Duration `help:"Limit of the 95th percentile of all other calls." default:"1s"`
	DatabaseLatency   time.Duration `help:"Limit of the 95th percentile of calls to the database." default:"500ms"`
	DatabaseErrorRate float64       `help:"Calls to the database per second that may fail." default:"0.2"`
	QueueShare        float64       `help:"How full the queue of orders may be, 0 to 1." default:"0.5"`
	CPUPercent        float64       `name:"cpu-percent" help:"Limit of the CPU use of machine or container." default:"90"`
	MemoryPercent     float64       `help:"Limit of the memory use of machine or container." default:"90"`
}

// Set sets the thresholds.
func (t *Thresholds) Set(s *catalog.Settings) {
	s.FailureShare, s.DenialShare, s.ItemErrorShare = t.FailureShare, t.DenialShare, t.ItemErrorShare
	s.MinimumRate, s.DatabaseErrorRate, s.QueueShare = t.MinimumRate, t.DatabaseErrorRate, t.QueueShare
	s.BuyLatency, s.Latency, s.DatabaseLatency = t.BuyLatency, t.Latency, t.DatabaseLatency
	s.CPUPercent, s.MemoryPercent = t.CPUPercent, t.MemoryPercent
}
