// Package result has the settings and the result of a load test as plain data. Package
// session fills it in, package report draws it, and [Read] reads it from a file.
package result

import (
	"time"

	"onsale/internal/stress/stats"
)

// Schema is the version of the JSON of a [Run]. The same version can gain fields.
const Schema = 1

// Run is a load test and its result.
type Run struct {
	Schema int `json:"schema"`
	// ID identifies a saved run. IDs sort by time.
	ID string `json:"id"`
	// Program is the version of Onsale.
	Program  string   `json:"program"`
	Host     string   `json:"host"`
	Protocol string   `json:"protocol"`
	Settings Settings `json:"settings"`
	// Started and Ended delimit the load, without the checks before it. Ended is zero
	// while it runs.
	Started time.Time `json:"started"`
	Ended   time.Time `json:"ended,omitzero"`
	// End is why it ended: "run time over", "stopped", "p95>500ms crossed".
	End string `json:"end,omitempty"`

	Stats   stats.Snapshot `json:"stats"`
	Self    stats.Self     `json:"self"`
	Verdict Verdict        `json:"verdict"`
	// Capacity is set after --find-capacity.
	Capacity *Capacity `json:"capacity,omitempty"`
	// Books is set if tickets were bought.
	Books *Books `json:"books,omitempty"`
	// Notes are sentences that readers of the figures should know, such as that the
	// tickets ran out.
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

// Settings are the settings of a run: those of the flags, and the body of POST
// /stress/runs.
type Settings struct {
	// Scenario is the name of a built-in scenario, the path of a file, or empty for a
	// plain request.
	Scenario string `json:"scenario"`
	Host     string `json:"host"`
	// Users and SpawnRate belong to the closed model, Rate to the open one, Shape to
	// both.
	Users     int     `json:"users,omitempty"`
	SpawnRate float64 `json:"spawn_rate,omitempty"`
	// Rate is in tasks a second.
	Rate float64 `json:"rate,omitempty"`
	// Open is set if Shape or Rate is in tasks a second.
	Open bool `json:"open,omitempty"`
	// Shape is the curve as the user wrote it: "stages 30s:100,2m:1000".
	Shape       string `json:"shape,omitempty"`
	Arrivals    string `json:"arrivals,omitempty"`
	MaxInFlight int    `json:"max_in_flight,omitempty"`
	RunTime     string `json:"run_time,omitempty"`
	StopTimeout string `json:"stop_timeout,omitempty"`
	Timeout     string `json:"timeout,omitempty"`
	// FindCapacity is set after a search for the capacity. The figures are those of the
	// highest load that held.
	FindCapacity bool `json:"find_capacity,omitempty"`
	// WarmUp is the part at the start that does not count. With ResetStats, nothing
	// counts until all users run.
	WarmUp     string `json:"warm_up,omitempty"`
	ResetStats bool   `json:"reset_stats,omitempty"`
	Seed       uint64 `json:"seed"`
	Worker     string `json:"worker,omitempty"`
	// FailIf are the thresholds; empty means the default ones.
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
	// Bottleneck is 3: the load tester could not keep up. It takes precedence over
	// Failed.
	Bottleneck Code = 3
)

// String returns the code in words.
func (c Code) String() string {
	switch c {
	case Passed:
		return "passed"
	case Bottleneck:
		return "the load tester was the bottleneck"
	default:
		return "failed"
	}
}

// Verdict is the verdict of a run.
type Verdict struct {
	Code Code `json:"code"`
	// Checks are the thresholds, each with the measured value.
	Checks []Check `json:"checks"`
	// Reasons are sentences that say why the run did not pass.
	Reasons []string `json:"reasons,omitempty"`
}

// Check is one threshold and the measured value.
type Check struct {
	// Expr is the threshold as the user wrote it: p95{/buy/[id]}>500ms.
	Expr string `json:"expr"`
	// Value is the measured value, formatted for people: 612 ms.
	Value   string `json:"value"`
	Crossed bool   `json:"crossed"`
}

// Capacity is the result of --find-capacity.
type Capacity struct {
	// Unit is "users" or "/s".
	Unit string `json:"unit"`
	// Highest is the highest load that held; 0 if none did. Broken is the lowest that
	// did not; 0 if none broke, so that the capacity is above the highest load tried.
	Highest float64 `json:"highest"`
	Broken  float64 `json:"broken"`
	// Knee is the load from which latency grows out of proportion; 0 if there is none.
	Knee   float64 `json:"knee"`
	Points []Step  `json:"points"`
}

// Step is one load that was tried.
type Step struct {
	// Load is the wanted load, and Rate the measured one in requests a second.
	Load         float64  `json:"load"`
	Rate         float64  `json:"rate"`
	P50          stats.MS `json:"p50_ms"`
	P95          stats.MS `json:"p95_ms"`
	P99          stats.MS `json:"p99_ms"`
	FailureShare float64  `json:"failure_share"`
	// Held is set if no threshold was crossed. Otherwise Broke is the crossed one.
	Held  bool   `json:"held"`
	Broke string `json:"broke,omitempty"`
	// Tester is set if the load tester could not keep up, so that the step is
	// inconclusive.
	Tester bool `json:"tester,omitempty"`
}

// Books compares the tickets that purchases reported as sold with the target's ledger
// (GET /books). All numbers are tickets.
type Books struct {
	// Told were reported as sold, and Booked were added to the ledger during the run.
	Told   int64 `json:"told"`
	Booked int64 `json:"booked"`
	// Unsure were ordered in purchases whose answer was not received.
	Unsure int64 `json:"unsure"`
	// Missing were reported as sold but are not in the ledger. Extra are in the ledger
	// but were not reported.
	Missing int64 `json:"missing"`
	Extra   int64 `json:"extra"`
	// Agree is set if the ledger has exactly the tickets that were reported as sold.
	Agree bool `json:"agree"`
	// Text is the result as a sentence.
	Text string `json:"text"`
}
