package stats

import (
	"encoding/json"
	"math"
	"time"
)

// MS is a duration that is in milliseconds in JSON, as usual for load testers.
type MS time.Duration

// MarshalJSON writes milliseconds, to the microsecond.
func (m MS) MarshalJSON() ([]byte, error) {
	return json.Marshal(float64(time.Duration(m).Round(time.Microsecond)/time.Microsecond) / 1000)
}

// UnmarshalJSON reads milliseconds.
func (m *MS) UnmarshalJSON(text []byte) error {
	var ms float64
	if err := json.Unmarshal(text, &ms); err != nil {
		return err
	}
	*m = MS(math.Round(ms * float64(time.Millisecond)))
	return nil
}

// Latency is a distribution of times. Percentiles are exact to three significant
// digits.
type Latency struct {
	Mean  MS `json:"mean_ms"`
	Min   MS `json:"min_ms"`
	P50   MS `json:"p50_ms"`
	P66   MS `json:"p66_ms"`
	P75   MS `json:"p75_ms"`
	P80   MS `json:"p80_ms"`
	P90   MS `json:"p90_ms"`
	P95   MS `json:"p95_ms"`
	P98   MS `json:"p98_ms"`
	P99   MS `json:"p99_ms"`
	P999  MS `json:"p99.9_ms"`
	P9999 MS `json:"p99.99_ms"`
	Max   MS `json:"max_ms"`
}

// Summary summarizes the requests of one name, or all requests.
type Summary struct {
	// Method and Name are empty in the total.
	Method   string `json:"method"`
	Name     string `json:"name"`
	Requests int64  `json:"requests"`
	Failures int64  `json:"failures"`
	// Business counts the answers that are not failures, but not what the user wanted:
	// denied, sold_out.
	Business map[string]int64 `json:"business,omitempty"`
	// Bytes is the size of all bodies.
	Bytes int64 `json:"bytes"`
	// Rate and FailureRate are per second, from the start of the run (or its reset)
	// until the last task began. RateNow and FailureRateNow are those of the last ten
	// seconds.
	Rate           float64 `json:"rate"`
	FailureRate    float64 `json:"failure_rate"`
	RateNow        float64 `json:"rate_now"`
	FailureRateNow float64 `json:"failure_rate_now"`
	// Response is measured from when a request was due, Service from when it was sent.
	// Service is nil if both are the same.
	Response Latency  `json:"response"`
	Service  *Latency `json:"service,omitempty"`
}

// Failure is one kind of failure of one name.
type Failure struct {
	Method string `json:"method"`
	Name   string `json:"name"`
	Kind   string `json:"kind"`
	Detail string `json:"detail"`
	// Example is an excerpt of the first answer of this kind; empty if there is none.
	Example string    `json:"example,omitempty"`
	Count   int64     `json:"count"`
	First   time.Time `json:"first"`
	Last    time.Time `json:"last"`
}

// Point is one interval of a run.
type Point struct {
	// At is the end of the interval, in seconds since the start, and Length its length
	// in seconds.
	At       float64 `json:"at"`
	Length   float64 `json:"length"`
	Requests int64   `json:"requests"`
	Failures int64   `json:"failures"`
	Business int64   `json:"business"`
	// The percentiles are those of the interval alone.
	P50      MS      `json:"p50_ms"`
	P95      MS      `json:"p95_ms"`
	P99      MS      `json:"p99_ms"`
	Max      MS      `json:"max_ms"`
	Users    int     `json:"users"`
	Wanted   float64 `json:"wanted"`
	InFlight int     `json:"in_flight"`
	NotSent  int64   `json:"not_sent"`
	Lag      MS      `json:"lag_ms"`
	CPU      float64 `json:"cpu"`
}

// Bar is one bar of a histogram: the number of times above From and up to To.
type Bar struct {
	From  MS    `json:"from_ms"`
	To    MS    `json:"to_ms"`
	Count int64 `json:"count"`
}

// Snapshot is the state of a recorder.
type Snapshot struct {
	// Duration is the period for rates in seconds: until the last task began. The
	// series continues until the last answer.
	Duration float64   `json:"duration"`
	Total    Summary   `json:"total"`
	Entries  []Summary `json:"entries"`
	Failures []Failure `json:"failures"`
	// NotSent is the number of due tasks that were not begun because too many were in
	// flight.
	NotSent int64 `json:"not_sent"`
	// Due is the number of tasks that were due in the open model; 0 in the closed
	// model.
	Due int64 `json:"due"`
	// Series has one point per interval. The intervals of a long run become longer.
	Series []Point `json:"series"`
	// Histogram is the histogram of all response times, with up to 60 bars that become
	// wider.
	Histogram []Bar `json:"histogram"`
}

// Self is how the load tester itself performed.
type Self struct {
	// The lag is how late the load tester was: in the open model, the time from a
	// task's due moment to its beginning; in the closed model, the delay of a timer
	// that fires every 10 ms.
	LagP50 MS `json:"lag_p50_ms"`
	LagP99 MS `json:"lag_p99_ms"`
	LagMax MS `json:"lag_max_ms"`
	// CPUMean and CPUMax are shares of the load tester's cores, 0 to 1.
	CPUMean float64 `json:"cpu_mean"`
	CPUMax  float64 `json:"cpu_max"`
	Cores   int     `json:"cores"`
	// Errors counts requests that failed at the load tester's own limits: open files,
	// local ports.
	Errors int64 `json:"errors"`
	// LateSeconds is the number of seconds in which the load tester could not keep up.
	LateSeconds int `json:"late_seconds"`
	// Bottleneck is set if the load tester, and not the target, determined the figures.
	// Reasons are sentences that say why.
	Bottleneck bool     `json:"bottleneck"`
	Reasons    []string `json:"reasons,omitempty"`
}
