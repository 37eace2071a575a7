// Package result is what a load test was asked for and what came of it, as plain data:
// package session fills it in, package report draws it, and [Read] reads it again.
package result

import (
	"time"

	"onsale/internal/stress/stats"
)

// Schema is the version of the JSON of a [Run]. Fields may be added under the same number.
const Schema = 1

// Run is a run, and what came of it.
type Run struct {
	Schema int `json:"schema"`
	// ID names a run that is kept; it sorts by time.
	ID string `json:"id"`
	// Program is the version of Onsale that ran it.
	Program  string   `json:"program"`
	Host     string   `json:"host"`
	Protocol string   `json:"protocol"`
	Settings Settings `json:"settings"`
	// Started and Ended are of the load, without the checks before it. Ended is zero while it runs.
	Started time.Time `json:"started"`
	Ended   time.Time `json:"ended,omitzero"`
	// End says why it ended: "run time over", "stopped", "p95>500ms crossed".
	End string `json:"end,omitempty"`

	Stats   stats.Snapshot `json:"stats"`
	Self    stats.Self     `json:"self"`
	Verdict Verdict        `json:"verdict"`
	// Capacity is there after --find-capacity.
	Capacity *Capacity `json:"capacity,omitempty"`
	// Books is there where tickets were bought.
	Books *Books `json:"books,omitempty"`
	// Notes are sentences that whoever reads the figures should know: tickets that ran out, say.
	Notes []string `json:"notes,omitempty"`
}

// Now is the state of a run that is under way.
type Now struct {
	// Users is the number of running users, including those that are stopping.
	Users int
	// Wanted is the wanted number of users; in the open model, of tasks a second.
	Wanted float64
	// InFlight is the number of tasks under way.
	InFlight int
	Elapsed  time.Duration
	// Left is the time until the run ends; negative if that is unknown.
	Left time.Duration
	// Stopping is set once users are being stopped.
	Stopping bool
}

// Settings are what was asked for: what the flags say, and what POST /stress/runs takes.
type Settings struct {
	// Scenario is a built-in scenario's name, the path of a file, or empty for a plain request.
	Scenario string `json:"scenario"`
	Host     string `json:"host"`
	// Users, SpawnRate and Curve are of the closed model, Rate and Curve of the open.
	Users     int     `json:"users,omitempty"`
	SpawnRate float64 `json:"spawn_rate,omitempty"`
	// Rate is in tasks a second.
	Rate float64 `json:"rate,omitempty"`
	// Open says that the curve, or Rate, is of tasks a second.
	Open bool `json:"open,omitempty"`
	// Shape is the curve as the user wrote it: "stages 30s:100,2m:1000".
	Shape       string `json:"shape,omitempty"`
	Arrivals    string `json:"arrivals,omitempty"`
	MaxInFlight int    `json:"max_in_flight,omitempty"`
	RunTime     string `json:"run_time,omitempty"`
	StopTimeout string `json:"stop_timeout,omitempty"`
	Timeout     string `json:"timeout,omitempty"`
	// FindCapacity says that the capacity was looked for: the figures are those of
	// the highest load that held.
	FindCapacity bool `json:"find_capacity,omitempty"`
	// WarmUp is how much of the start does not count; with ResetStats nothing
	// counts until all users are there.
	WarmUp     string `json:"warm_up,omitempty"`
	ResetStats bool   `json:"reset_stats,omitempty"`
	Seed       uint64 `json:"seed"`
	Worker     string `json:"worker,omitempty"`
	// FailIf are the thresholds; none means the default ones.
	FailIf []string `json:"fail_if,omitempty"`
	// Abort ends the run when a threshold is crossed.
	Abort bool `json:"abort,omitempty"`
}

// Code is the exit code of a run.
type Code int

// The exit codes.
const (
	Passed Code = 0
	Failed Code = 1
	// Bottleneck is 3: the tester itself could not keep up. It beats Failed.
	Bottleneck Code = 3
)

// String returns a word for a person.
func (c Code) String() string {
	switch c {
	case Passed:
		return "passed"
	case Bottleneck:
		return "the tester was the bottleneck"
	default:
		return "failed"
	}
}

// Verdict is what the run comes to.
type Verdict struct {
	Code Code `json:"code"`
	// Checks are the thresholds, each with what was measured.
	Checks []Check `json:"checks"`
	// Reasons say in sentences why it is not passed.
	Reasons []string `json:"reasons,omitempty"`
}

// Check is one threshold and what was measured.
type Check struct {
	// Expr is the threshold as written: p95{/buy/[id]}>500ms.
	Expr string `json:"expr"`
	// Value is what was measured, as a person reads it: 612 ms.
	Value   string `json:"value"`
	Crossed bool   `json:"crossed"`
}

// Capacity is what --find-capacity found.
type Capacity struct {
	// Unit is "users" or "/s".
	Unit string `json:"unit"`
	// Highest is the highest load that held; 0 if none did. Broken is the lowest that did not; 0 if none broke: then
	// the capacity is above what was tried.
	Highest float64 `json:"highest"`
	Broken  float64 `json:"broken"`
	// Knee is the load from which latency grows out of proportion; 0 if there is none.
	Knee   float64 `json:"knee"`
	Points []Step  `json:"points"`
}

// Step is one load that was tried.
type Step struct {
	// Load was asked for, Rate was reached, in requests a second.
	Load         float64  `json:"load"`
	Rate         float64  `json:"rate"`
	P50          stats.MS `json:"p50_ms"`
	P95          stats.MS `json:"p95_ms"`
	P99          stats.MS `json:"p99_ms"`
	FailureShare float64  `json:"failure_share"`
	// Held says that no threshold was crossed; Broke names the one that was.
	Held  bool   `json:"held"`
	Broke string `json:"broke,omitempty"`
	// Tester says that the tester could not keep up: the step says nothing about the target.
	Tester bool `json:"tester,omitempty"`
}

// Books compare what buyers were told with what the target has written down.
// All numbers are tickets.
type Books struct {
	// Told were told sold, and Booked stand in the books since the run began.
	Told   int64 `json:"told"`
	Booked int64 `json:"booked"`
	// Unsure were asked for in purchases whose answer was not seen.
	Unsure int64 `json:"unsure"`
	// Missing were told sold and do not stand in the books, Extra stand there and
	// were not told.
	Missing int64 `json:"missing"`
	Extra   int64 `json:"extra"`
	// Agree says that all that was told sold is in the books, and nothing else.
	Agree bool `json:"agree"`
	// Text says it in a sentence.
	Text string `json:"text"`
}
