// Package catalog defines the monitoring as data: each alert, recording rule,
// service level objective and dashboard is one Go value.
//
// Everything else is generated from these values: the rule file of Prometheus
// ([RuleFile]), Grafana's alert rules and dashboards, and the runbooks. Package
// export writes these files. `make generate` uses it for the committed files under
// deploy/ and docs/runbooks. The embedded monitoring loads the same rules from
// memory.
//
// To add an alert, add one value to one of the lists that [Alerts] joins.
package catalog

//go:generate go run ./gen -root ../..

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Severity is how urgently an alert needs a reaction.
type Severity string

// The severities, as values of the label severity.
const (
	// Critical: buyers are affected, or soon will be. It may wake somebody.
	Critical Severity = "critical"
	// Warning: a problem that can wait until the morning.
	Warning Severity = "warning"
	// Info: worth knowing, not a problem.
	Info Severity = "info"
)

// Alert is a condition that somebody should be notified of.
type Alert struct {
	// Name is the name of the alert and of its runbook, in CamelCase.
	Name string
	// Expr is the condition in PromQL, with durations scaled to the alert's pace.
	Expr string
	// Needs are the series without which Expr can never be true. It is a list of
	// alternatives: the alert can fire where all series of one alternative exist.
	// nil: it needs only up, which Prometheus adds for every target.
	Needs [][]Series
	// Later are the names of other series that Expr reads: series that appear with
	// the first event they count, such as an error, and series that only make Expr
	// more exact. Their absence means nothing.
	Later []string
	// For is how long the condition must be true before the alert fires.
	For time.Duration
	// KeepFiringFor is how long the alert keeps firing after the condition ends.
	KeepFiringFor time.Duration
	Severity      Severity
	// Labels are set in addition to severity. Alertmanager matches on them.
	Labels map[string]string
	// Summary and Description are Prometheus templates: one line with the value,
	// and what it means for buyers.
	Summary, Description string
	// Meaning and Steps are for the runbook: what is watched and why it matters,
	// and what to do, in order. Both are plain text.
	Meaning string
	Steps   []string
	// Provoke describes how to make the alert fire on purpose.
	Provoke Provocation
}

// Recording is a series that Prometheus precomputes for alerts and dashboards.
type Recording struct {
	// Record is the series' name, level:metric:operations. A window in the name is
	// that of the real pace, so a series has the same name at every pace.
	Record string
	Expr   string
	// Labels are set in addition to those of the expression's result.
	Labels map[string]string
}

// Pace is how fast the monitoring runs: how often it scrapes and evaluates, and by
// how much all windows and waits are shortened.
type Pace struct {
	// Name is its value for --pace.
	Name string
	// Scrape and Evaluate are how often targets are scraped and rules evaluated.
	Scrape, Evaluate time.Duration
	// Speed is the divisor of every duration in a rule and in the grouping of
	// notifications.
	Speed int
}

// Real returns the pace of everything under deploy/: it scrapes every 5 s.
func Real() Pace {
	return Pace{Name: "real", Scrape: 5 * time.Second, Evaluate: 5 * time.Second, Speed: 1}
}

// Demo returns the pace for watching live: it scrapes every second, and one minute
// becomes 5 s.
func Demo() Pace {
	return Pace{Name: "demo", Scrape: time.Second, Evaluate: time.Second, Speed: 12}
}

// Paces returns all paces.
func Paces() []Pace { return []Pace{Demo(), Real()} }

// ParsePace returns the pace of a name, the value of --pace.
func ParsePace(name string) (Pace, error) {
	var names []string
	for _, p := range Paces() {
		if p.Name == name {
			return p, nil
		}
		names = append(names, p.Name)
	}
	return Pace{}, fmt.Errorf("--pace must be %s, not %q", strings.Join(names, " or "), name)
}

// Scale shortens a duration of the real pace to this one. All durations in the
// catalogue are multiples of 12 s, so nothing is lost by rounding.
func (p Pace) Scale(d time.Duration) time.Duration { return d / time.Duration(p.Speed) }

// Grouping is when Alertmanager sends notifications.
type Grouping struct {
	// Wait is how long the first notification of a group waits for other alerts of
	// the group.
	Wait time.Duration
	// Interval is the minimum time between two notifications of a group.
	Interval time.Duration
	// Repeat is after how long the notification of a firing alert is repeated.
	Repeat time.Duration
}

// Grouping returns the durations of grouping at this pace.
func (p Pace) Grouping() Grouping {
	return Grouping{Wait: p.Scale(24 * time.Second), Interval: p.Scale(time.Minute), Repeat: p.Scale(4 * time.Hour)}
}

// Settings are the thresholds of the alerts. They are never derived from the fault
// plan, because the alerts must detect its faults.
type Settings struct {
	// Job is the scrape job whose targets are watched.
	Job string
	// Runbooks is the URL or path of a runbook; NAME stands for the alert's name.
	// Empty: alerts have no link to a runbook.
	Runbooks string

	// FailureShare is the share of API calls that may fail, DenialShare the share
	// of purchases that may be denied, ItemErrorShare the share of item calls
	// that may fail; 0 to 1.
	FailureShare, DenialShare, ItemErrorShare float64
	// MinimumRate is the traffic, in calls per second, below which alerts on shares
	// do not fire.
	MinimumRate float64
	// BuyLatency and Latency limit the 95th percentile of the response time of
	// purchases and of all other calls, injected delay included.
	BuyLatency, Latency time.Duration
	// DatabaseLatency limits the 95th percentile of calls to the database.
	DatabaseLatency time.Duration
	// DatabaseErrorRate is how many calls to the database may fail, per second.
	DatabaseErrorRate float64
	// QueueShare is how full the queue of orders may get, 0 to 1.
	QueueShare float64
	// CPUPercent and MemoryPercent limit the use of the machine or container.
	CPUPercent, MemoryPercent float64
}

// DefaultSettings returns the settings of the files under deploy/.
func DefaultSettings() Settings {
	return Settings{
		Job:               "ticket_system",
		Runbooks:          "docs/runbooks/NAME.md",
		FailureShare:      0.02,
		DenialShare:       0.02,
		ItemErrorShare:    0.05,
		MinimumRate:       0.2,
		BuyLatency:        5 * time.Second,
		Latency:           time.Second,
		DatabaseLatency:   500 * time.Millisecond,
		DatabaseErrorRate: 0.2,
		QueueShare:        0.5,
		CPUPercent:        90,
		MemoryPercent:     90,
	}
}

// Validate returns an error for the first invalid setting. It names the flag that
// sets it.
func (s Settings) Validate() error {
	if s.Job == "" || !utf8.ValidString(s.Job) || strings.ContainsFunc(s.Job, unicode.IsControl) {
		return errors.New("--job must not be empty, and must be UTF-8 without control characters")
	}
	for _, share := range []struct {
		flag  string
		value float64
	}{
		{"--alert-failure-share", s.FailureShare},
		{"--alert-denial-share", s.DenialShare},
		{"--alert-item-error-share", s.ItemErrorShare},
		{"--alert-queue-share", s.QueueShare},
	} {
		if !(share.value >= 0 && share.value <= 1) {
			return fmt.Errorf("%s must be between 0 and 1, not %v", share.flag, share.value)
		}
	}
	for _, percent := range []struct {
		flag  string
		value float64
	}{
		{"--alert-cpu-percent", s.CPUPercent},
		{"--alert-memory-percent", s.MemoryPercent},
	} {
		if !(percent.value > 0 && percent.value <= 100) {
			return fmt.Errorf("%s must be more than 0 and at most 100, not %v", percent.flag, percent.value)
		}
	}
	for _, rate := range []struct {
		flag  string
		value float64
	}{
		{"--alert-minimum-rate", s.MinimumRate},
		{"--alert-database-error-rate", s.DatabaseErrorRate},
	} {
		if !(rate.value >= 0 && rate.value <= 1e9) {
			return fmt.Errorf("%s must be between 0 and 1e9 per second, not %v", rate.flag, rate.value)
		}
	}
	for _, limit := range []struct {
		flag  string
		value time.Duration
	}{
		{"--alert-buy-latency", s.BuyLatency},
		{"--alert-latency", s.Latency},
		{"--alert-database-latency", s.DatabaseLatency},
	} {
		if limit.value <= 0 || limit.value > time.Hour {
			return fmt.Errorf("%s must be more than 0s and at most 1h, not %s", limit.flag, limit.value)
		}
	}
	return nil
}

// Runbook returns the URL or path of an alert's runbook.
func (s Settings) Runbook(name string) string { return strings.ReplaceAll(s.Runbooks, "NAME", name) }
