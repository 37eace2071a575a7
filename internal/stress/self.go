package stress

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"onsale/internal/stress/stats"
)

const (
	// tooLate is the median lag above which the tester is late. A process that gets its
	// share of a busy machine stays below it.
	tooLate = 5 * time.Millisecond
	// tooLateTail is the 95th percentile of the lag above which the tester is late,
	// whatever the median: most thresholds are set on the 95th percentile of response
	// times, and would blame the target.
	tooLateTail = 25 * time.Millisecond
	// littleOf is the share of the response times that a lag may have without changing
	// the figures visibly.
	littleOf = 0.05
	// busyCPU is the CPU share at which a process is saturated, and busyLate the median
	// lag at which that affects the figures.
	busyCPU  = 0.95
	busyLate = 2 * time.Millisecond
	// idleCPU is the CPU share below which the tester's own work cannot be the cause of
	// its lag.
	idleCPU = 0.4
	// The tester is a bottleneck if more than lateShare of all seconds were late, and
	// at least lateSeconds: a single late second is a hiccup of the machine.
	lateShare   = 0.1
	lateSeconds = 2
	// leastJudged is the minimum length of an interval at the end of a run or after a
	// reset to be judged as a second: stopping itself takes CPU time. An interval that
	// is the whole run is always judged.
	leastJudged = 200 * time.Millisecond
	// longestLag is the longest lag that is recorded; longer ones count as this one.
	longestLag = time.Hour
)

// self monitors the load tester itself.
//
// Two lags show that it is late: that of a timer that fires every 10 ms, and, in the
// open model, the time between the moment when a task is due and the moment when a user
// begins it. A second is late if the median of either lag is above tooLate, or above
// busyLate while the process used all its CPUs, or if the 95th percentile is above
// tooLateTail. It is not late if that is small in relation to the response times.
//
// The tester is the bottleneck if more than a tenth of the seconds were late (and at
// least two, in a run of two seconds or more), or if requests failed at its own limits.
// A target that is slow, stalls, refuses connections or keeps other cores busy has no
// influence.
type self struct {
	open  bool
	cores int
	// now is the clock that measures the lag.
	now    func() time.Time
	errors atomic.Int64

	mu sync.Mutex
	// second has the lags of the current second, and ended those of the second that is
	// judged next. lags has the lags of all judged seconds, and late those of the late
	// seconds, in µs.
	second, ended  seen
	lags, late     *hdrhistogram.Histogram
	seconds, lates int
	// least is the minimum length of the current second to be judged.
	least time.Duration
	// began is the start of the first second and since that of the current one.
	// cpuBegan and cpuSince are the CPU times used until then.
	began, since       time.Time
	cpuBegan, cpuSince time.Duration
	cpuMean, cpuMax    float64
	// length and cpu belong to the second that is judged next.
	length time.Duration
	cpu    float64
}

// seen has the lags of a second: those of the timer and those of the tasks.
type seen struct{ beats, sends *hdrhistogram.Histogram }

func (s seen) reset() {
	s.beats.Reset()
	s.sends.Reset()
}

func newSelf(open bool) *self {
	histogram := func() *hdrhistogram.Histogram { return hdrhistogram.New(1, longestLag.Microseconds(), 2) }
	return &self{
		open: open, cores: runtime.GOMAXPROCS(0), now: time.Now, lags: histogram(), late: histogram(),
		second: seen{beats: histogram(), sends: histogram()}, ended: seen{beats: histogram(), sends: histogram()},
	}
}

// begin begins the first second.
func (s *self) begin(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.began, s.since = now, now
	s.cpuBegan = cpuTime()
	s.cpuSince = s.cpuBegan
}

// reset forgets everything, and begins a new first second.
func (s *self) reset(now time.Time) {
	s.begin(now)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.second.reset()
	s.ended.reset()
	s.lags.Reset()
	s.late.Reset()
	s.seconds, s.lates, s.cpuMean, s.cpuMax = 0, 0, 0, 0
	s.least = leastJudged
	s.errors.Store(0)
}

// beat records the lag of the timer that was due at a moment, and returns the current
// time.
func (s *self) beat(due time.Time) time.Time {
	now := s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	note(s.second.beats, now.Sub(due))
	return now
}

// sent records the lag with which a user begins a task of the open model.
func (s *self) sent(due time.Time) {
	lag := s.now().Sub(due)
	s.mu.Lock()
	defer s.mu.Unlock()
	note(s.second.sends, lag)
}

func note(h *hdrhistogram.Histogram, lag time.Duration) {
	// it cannot fail: the value is in range
	_ = h.RecordValue(min(max(lag, 0), longestLag).Microseconds())
}

// tick ends a second, or the rest of the last one, and returns its median lag and its
// CPU share. judge judges it.
func (s *self) tick(now time.Time) (lag time.Duration, cpu float64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	used := cpuTime()
	s.length = now.Sub(s.since)
	cpu = s.share(used-s.cpuSince, s.length)
	s.cpu = cpu
	s.cpuMean = s.share(used-s.cpuBegan, now.Sub(s.began))
	s.since, s.cpuSince = now, used

	s.second, s.ended = s.ended, s.second
	told := s.ended.beats
	if s.open {
		told = s.ended.sends
	}
	lag = median(told)
	s.lags.Merge(told)
	return lag, cpu
}

// judge decides whether the ended second was late. The argument is the 95th percentile
// of its response times, 0 if there were none.
func (s *self) judge(response time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.length >= s.least {
		s.least = leastJudged
		s.seconds++
		s.cpuMax = max(s.cpuMax, s.cpu)
		if late := s.tripped(response); late != nil {
			s.lates++
			s.late.Merge(late)
		}
	}
	s.ended.reset()
}

// tripped returns the histogram by which the ended second is late; the one with the
// worse tail if both are; nil if the second is not late.
func (s *self) tripped(response time.Duration) (worst *hdrhistogram.Histogram) {
	for _, h := range []*hdrhistogram.Histogram{s.ended.beats, s.ended.sends} {
		if isLate(median(h), at(h, 95), response, s.cpu) && (worst == nil || at(h, 95) > at(worst, 95)) {
			worst = h
		}
	}
	return worst
}

// isLate judges a second by its median lag, the 95th percentiles of its lag and of its
// response times, and its CPU share.
func isLate(lag, tail, response time.Duration, cpu float64) bool {
	if float64(tail) <= littleOf*float64(response) {
		return false
	}
	return lag > tooLate || tail > tooLateTail || lag > busyLate && cpu >= busyCPU
}

// tooOften reports whether too many seconds were late.
func tooOften(late, seconds int) bool {
	return late >= min(lateSeconds, max(seconds, 1)) && float64(late) > lateShare*float64(seconds)
}

func median(h *hdrhistogram.Histogram) time.Duration { return at(h, 50) }

// at returns a percentile; 0 if the histogram is empty.
func at(h *hdrhistogram.Histogram, percent float64) time.Duration {
	return time.Duration(h.ValueAtQuantile(percent)) * time.Microsecond
}

// share returns the used share of the CPU time of all cores, 0 to 1.
func (s *self) share(used, of time.Duration) float64 {
	if of <= 0 {
		return 0
	}
	return min(float64(used)/(float64(of)*float64(s.cores)), 1)
}

// report returns the state at the last tick.
func (s *self) report() stats.Self {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := stats.Self{
		LagP50: stats.MS(median(s.lags)), LagP99: stats.MS(at(s.lags, 99)), LagMax: stats.MS(at(s.lags, 100)),
		CPUMean: s.cpuMean, CPUMax: s.cpuMax, Cores: s.cores,
		Errors: s.errors.Load(), LateSeconds: s.lates,
	}
	if tooOften(s.lates, s.seconds) {
		r.Reasons = append(r.Reasons, s.lateReason())
	}
	if r.Errors > 0 {
		r.Reasons = append(r.Reasons, fmt.Sprintf(
			"%d requests failed at the load tester's own limits, such as open files or local ports; raise the limits or use more workers", r.Errors))
	}
	r.Bottleneck = len(r.Reasons) > 0
	return r
}

func (s *self) lateReason() string {
	advice := "use more workers or fewer users"
	switch {
	case s.cpuMax < idleCPU:
		advice = "its own work was not the cause: another process keeps this machine busy"
	case s.open:
		advice = "use more workers or a lower rate"
	}
	return fmt.Sprintf("the load tester was %.3g ms late in the median, and %.3g ms at the 95th percentile, in %d of %d seconds, with its CPUs %.0f %% busy; %s",
		median(s.late).Seconds()*1000, at(s.late, 95).Seconds()*1000, s.lates, s.seconds, 100*s.cpuMax, advice)
}
