// Package catalog holds what is watched, as data: each alert, each recording
// rule, each service level objective and each dashboard is one Go value.
//
// What machines and people read is made from these values: the rule file of
// Prometheus ([RuleFile]), Grafana's alert rules and dashboards, the runbooks.
// Package export writes them; `make generate` writes with it what is committed
// under deploy/ and docs/runbooks. The embedded monitoring loads the same rules
// from memory.
//
// An alert is added by adding one value to one of the lists that [Alerts] joins.
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

// Severity says how soon somebody must look.
type Severity string

// The severities, as the label severity tells them.
const (
	// Critical: buyers are hurt, or soon will be. It may wake somebody.
	Critical Severity = "critical"
	// Warning: something is wrong that can wait for the morning.
	Warning Severity = "warning"
	// Info: worth knowing, nothing is wrong.
	Info Severity = "info"
)

// Alert is one thing that is worth telling somebody.
type Alert struct {
	// Name is the alert's name, CamelCase, and that of its runbook.
	Name string
	// Expr is the condition in PromQL, times scaled to the pace it was made for.
	Expr string
	// Needs are the series without which Expr can never be true, as alternatives:
	// the alert can fire where all series of one of them are there. nil: it needs
	// none but up, which Prometheus makes for every target.
	Needs [][]Series
	// Later are the names of series that Expr reads beside Needs: those that come
	// with the first event that they count, such as an error, and those that only
	// make it more exact. Nothing follows from their absence.
	Later []string
	// For is how long the condition must hold before the alert fires.
	For time.Duration
	// KeepFiringFor is how long the alert goes on after the condition ended.
	KeepFiringFor time.Duration
	Severity      Severity
	// Labels are set beside severity, as Alertmanager matches them.
	Labels map[string]string
	// Summary and Description are templates of Prometheus: one line with the
	// figure, and what it means for buyers.
	Summary, Description string
	// Meaning says in the runbook what is watched and why it matters, and Steps
	// what to do, in order. Both are plain text.
	Meaning string
	Steps   []string
	// Provoke says how to see the alert on purpose.
	Provoke Provocation
}

// Recording is a series that Prometheus keeps ready for alerts and dashboards.
type Recording struct {
	// Record is the series' name, level:metric:operations. A window in it is that
	// of the real pace, so that a series has one name at every pace.
	Record string
	Expr   string
	// Labels are set beside those of the expression's result.
	Labels map[string]string
}

// Pace is how fast the monitoring runs: how often it looks, and by how much all
// windows, waits and pauses are shortened.
type Pace struct {
	// Name is what --pace calls it.
	Name string
	// Scrape and Evaluate are how often targets are scraped and rules evaluated.
	Scrape, Evaluate time.Duration
	// Speed is what every duration of a rule and of the grouping of notifications
	// is divided by.
	Speed int
}

// Real is the pace of everything under deploy/: every 5 s.
func Real() Pace {
	return Pace{Name: "real", Scrape: 5 * time.Second, Evaluate: 5 * time.Second, Speed: 1}
}

// Demo is the pace at which a person can watch: every second, and what takes a
// minute takes 5 s.
func Demo() Pace {
	return Pace{Name: "demo", Scrape: time.Second, Evaluate: time.Second, Speed: 12}
}

// Paces are all there are.
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

// Scale shortens a duration of the real pace to this one. All durations that
// the catalogue has are multiples of 12 s, so that nothing is lost.
func (p Pace) Scale(d time.Duration) time.Duration { return d / time.Duration(p.Speed) }

// Grouping says when Alertmanager sends what it was told.
type Grouping struct {
	// Wait is how long the first notification of a group waits for company.
	Wait time.Duration
	// Interval is the least time between two notifications of a group.
	Interval time.Duration
	// Repeat is after how long an alert that still fires is told again.
	Repeat time.Duration
}

// Grouping returns the times of grouping at this pace.
func (p Pace) Grouping() Grouping {
	return Grouping{Wait: p.Scale(24 * time.Second), Interval: p.Scale(time.Minute), Repeat: p.Scale(4 * time.Hour)}
}

// Settings are the thresholds of the alerts. They are settings, and never read
// from the fault plan that they should catch.
type Settings struct {
	// Job is the scrape job whose targets are watched.
	Job string
	// Runbooks is where a runbook is found; NAME stands for the alert's name. Empty:
	// alerts name no runbook.
	Runbooks string

	// FailureShare is the share of API calls that may fail, DenialShare the share
	// of purchases that may be denied, ItemErrorShare the share of item calls
	// that may fail; 0 to 1.
	FailureShare, DenialShare, ItemErrorShare float64
	// MinimumRate is the traffic, in calls per second, below which no share is judged.
	MinimumRate float64
	// BuyLatency and Latency limit the 95th percentile of the response time of
	// purchases and of all other calls, injected delay included.
	BuyLatency, Latency time.Duration
	// DatabaseLatency limits the 95th percentile of calls to the database.
	DatabaseLatency time.Duration
	// DatabaseErrorRate is how many calls to the database may fail, per second.
	DatabaseErrorRate float64
	// QueueShare is how full the queue of orders may be, 0 to 1.
	QueueShare float64
	// CPUPercent and MemoryPercent limit the use of the machine or container.
	CPUPercent, MemoryPercent float64
}

// DefaultSettings are those of the files under deploy/.
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

// Validate returns an error that names the first setting that makes no sense,
// by the flag that sets it.
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

// Runbook returns where an alert's runbook is.
func (s Settings) Runbook(name string) string { return strings.ReplaceAll(s.Runbooks, "NAME", name) }
