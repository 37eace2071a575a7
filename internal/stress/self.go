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
	// tooLate is the median lag from which on the tester is late. A process that
	// gets its share of a busy machine stays below.
	tooLate = 5 * time.Millisecond
	// tooLateTail is the 95th percentile of the lag from which on the tester is late,
	// whatever the median: thresholds are mostly set on the 95th percentile of the
	// answers, and would blame the target for it.
	tooLateTail = 25 * time.Millisecond
	// littleOf the response times is a lag that changes nothing that anybody would
	// read off them: they are exact to so much.
	littleOf = 0.05
	// busyCPU is the share of its CPUs at which a process has nothing left, and
	// busyLate the median lag at which that shows in the figures.
	busyCPU  = 0.95
	busyLate = 2 * time.Millisecond
	// idleCPU is the share below which its own work cannot be what makes it late.
	idleCPU = 0.4
	// lateShare of all seconds, and at least lateSeconds, make the tester a
	// bottleneck: one bad second is a hiccup of the machine.
	lateShare   = 0.1
	lateSeconds = 2
	// leastJudged is how long what is left at the end, or is begun by a reset, must be to
	// be judged as one: the end itself takes CPU time. What is all of a run is judged however short.
	leastJudged = 200 * time.Millisecond
	// longestLag is the most that is told apart.
	longestLag = time.Hour
)

// self is what the tester sees of itself.
//
// Two things tell that it is late: a timer that should fire each 10 ms, and in the open model the
// time from a task's due moment to the moment at which a user takes it up, before
// anything is sent. A second is late when the median of either is above tooLate, or above
// busyLate while the process had all its CPUs busy, or when the 95th percentile
// is above tooLateTail; but not where that is little of what answers took. The tester is the bottleneck
// when more than a tenth of the seconds (two at least, where the run has two) were late, or
// when requests failed by its own limits. A target that is slow, stalls, refuses, or keeps
// other cores busy changes none of that.
type self struct {
	open  bool
	cores int
	// now is the clock by which it sees that it is late.
	now    func() time.Time
	errors atomic.Int64

	mu sync.Mutex
	// second has the lags of this second, and ended those of the one that is to be judged. lags are those of all
	// seconds that are told, and late those by which the late seconds were; in µs.
	second, ended  seen
	lags, late     *hdrhistogram.Histogram
	seconds, lates int
	// least is how long this second must be to be judged.
	least time.Duration
	// began and since are when the first second began, and this one, and cpuBegan and cpuSince the CPU time used until then.
	began, since       time.Time
	cpuBegan, cpuSince time.Duration
	cpuMean, cpuMax    float64
	// length and cpu are those of the second that is to be judged.
	length time.Duration
	cpu    float64
}

// seen are the lags of a second: the timer's, and the tasks'.
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

// reset forgets all that was seen, and begins a first second anew.
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

// beat notes how late the timer is that should have fired at a moment, and returns the time.
func (s *self) beat(due time.Time) time.Time {
	now := s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	note(s.second.beats, now.Sub(due))
	return now
}

// sent notes how late a user takes up a task of the open model.
func (s *self) sent(due time.Time) {
	lag := s.now().Sub(due)
	s.mu.Lock()
	defer s.mu.Unlock()
	note(s.second.sends, lag)
}

func note(h *hdrhistogram.Histogram, lag time.Duration) {
	// It cannot fail: the value is within the range.
	_ = h.RecordValue(min(max(lag, 0), longestLag).Microseconds())
}

// tick ends a second, or what there is of the last one, and returns its median lag and its CPU share.
// It is to be judged next.
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

// judge says whether the second that was ended was late, given the 95th
// percentile of the response times in it, 0 if there were none.
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

// tripped returns the lags by which this second is late, those with the worse tail if both
// are; nil if it is not.
func (s *self) tripped(response time.Duration) (worst *hdrhistogram.Histogram) {
	for _, h := range []*hdrhistogram.Histogram{s.ended.beats, s.ended.sends} {
		if isLate(median(h), at(h, 95), response, s.cpu) && (worst == nil || at(h, 95) > at(worst, 95)) {
			worst = h
		}
	}
	return worst
}

// isLate judges a second by its median lag, the 95th percentiles of its lag and of
// its response times, and its CPU share.
func isLate(lag, tail, response time.Duration, cpu float64) bool {
	if float64(tail) <= littleOf*float64(response) {
		return false
	}
	return lag > tooLate || tail > tooLateTail || lag > busyLate && cpu >= busyCPU
}

// tooOften judges how many seconds were late.
func tooOften(late, seconds int) bool {
	return late >= min(lateSeconds, max(seconds, 1)) && float64(late) > lateShare*float64(seconds)
}

func median(h *hdrhistogram.Histogram) time.Duration { return at(h, 50) }

// at returns a percentile, 0 of nothing.
func at(h *hdrhistogram.Histogram, percent float64) time.Duration {
	return time.Duration(h.ValueAtQuantile(percent)) * time.Microsecond
}

// share returns how much of what all cores could do in a time was used, 0 to 1.
func (s *self) share(used, of time.Duration) float64 {
	if of <= 0 {
		return 0
	}
	return min(float64(used)/(float64(of)*float64(s.cores)), 1)
}

// report tells what was seen until the last tick.
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
			"%d requests failed at the tester's own limits, such as open files or local ports; raise them or use more workers", r.Errors))
	}
	r.Bottleneck = len(r.Reasons) > 0
	return r
}

func (s *self) lateReason() string {
	advice := "use more workers or fewer users"
	switch {
	case s.cpuMax < idleCPU:
		advice = "it was not its own work: something else keeps this machine busy"
	case s.open:
		advice = "use more workers or a lower rate"
	}
	return fmt.Sprintf("the tester was %.3g ms late in the median, and %.3g ms at the 95th percentile, in %d of %d seconds, with its CPUs %.0f %% busy; %s",
		median(s.late).Seconds()*1000, at(s.late, 95).Seconds()*1000, s.lates, s.seconds, 100*s.cpuMax, advice)
}
