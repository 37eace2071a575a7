package stats_test

import (
	"fmt"
	"net/http"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"onsale/internal/stress/stats"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start is the start of the runs in these tests.
func start() time.Time { return time.Date(2026, 5, 4, 18, 0, 0, 0, time.UTC) }

// after returns a moment of a run.
func after(seconds float64) time.Time {
	return start().Add(time.Duration(seconds * float64(time.Second)))
}

func sample(response time.Duration) stats.Sample {
	return stats.Sample{Response: response, Service: response, At: start()}
}

// answeredAt returns a request of 2 ms whose answer arrived at a moment of the run.
func answeredAt(seconds float64) stats.Sample {
	s := sample(2 * time.Millisecond)
	s.At = after(seconds)
	return s
}

func failed(kind, detail string, at time.Time) stats.Sample {
	return stats.Sample{
		Response: time.Millisecond,
		Outcome:  stats.Outcome{Class: stats.Failed, Kind: kind, Detail: detail}, At: at,
	}
}

func business(name string) stats.Sample {
	return stats.Sample{Response: time.Millisecond, Outcome: stats.Outcome{Class: stats.Business, Kind: name}}
}

// fill records samples under a number of names.
func fill(r *stats.Recorder, names, each int) {
	for n := range names {
		e := r.Entry("GET", fmt.Sprintf("/%03d", n))
		for i := range each {
			e.Record(i, sample(time.Duration(i%3000+1)*time.Millisecond))
		}
	}
}

func TestSnapshotCountsByNameAndInTotal(t *testing.T) {
	t.Parallel()
	r := stats.New(stats.Options{Start: start(), Separate: true})
	buy, list := r.Entry("POST", "/buy/[id]"), r.Entry("GET", "/concerts")
	buy.Record(0, stats.Sample{Response: 30 * time.Millisecond, Service: 10 * time.Millisecond, Bytes: 100})
	buy.Record(1, business("sold_out"))
	buy.Record(2, business("sold_out"))
	buy.Record(3, business("denied"))
	list.Record(4, failed(stats.KindStatus, "want 200, got 503", after(1)))
	r.Entry("GET", "/never") // not recorded, so it is not in the table
	r.Due(7, 2)

	s := r.Snapshot(after(10))
	if len(s.Entries) != 2 || s.Entries[0].Name != "/buy/[id]" || s.Entries[1].Name != "/concerts" {
		t.Fatalf("entries are %+v, want /buy/[id] and /concerts", s.Entries)
	}
	got := s.Entries[0]
	if got.Method != http.MethodPost || got.Requests != 4 || got.Failures != 0 || got.Bytes != 100 || got.Rate != 0.4 {
		t.Errorf("/buy/[id] is %+v, want 4 requests of 100 bytes, 0.4/s, none failed", got)
	}
	if got.Business["sold_out"] != 2 || got.Business["denied"] != 1 || len(got.Business) != 2 {
		t.Errorf("business outcomes are %v, want 2 sold_out and 1 denied", got.Business)
	}
	if got.Response.Max != stats.MS(30*time.Millisecond) || got.Service.Max != stats.MS(10*time.Millisecond) {
		t.Errorf("longest response %v and service %v, want 30 ms and 10 ms", got.Response.Max, got.Service.Max)
	}
	if s.Total.Requests != 5 || s.Total.Failures != 1 || s.Total.FailureRate != 0.1 || s.Total.Business["sold_out"] != 2 {
		t.Errorf("total is %+v, want 5 requests, 1 failed (0.1/s), 2 sold_out", s.Total)
	}
	if s.Duration != 10 || s.Due != 7 || s.NotSent != 2 {
		t.Errorf("duration %v, due %d, not sent %d, want 10, 7, 2", s.Duration, s.Due, s.NotSent)
	}
}

func TestEntriesAreSortedByNameThenMethod(t *testing.T) {
	t.Parallel()
	r := stats.New(stats.Options{Start: start()})
	for _, key := range [][2]string{{"POST", "/b"}, {"GET", "/b"}, {"PUT", "/a"}, {"DELETE", "/c"}} {
		r.Entry(key[0], key[1]).Record(0, sample(time.Millisecond))
	}
	got := ""
	for _, e := range r.Snapshot(after(1)).Entries {
		got += e.Method + " " + e.Name + ", "
	}
	if want := "PUT /a, GET /b, POST /b, DELETE /c, "; got != want {
		t.Errorf("entries are %s want %s", got, want)
	}
}

// Many goroutines record under many names while others tick and read. At the end
// nothing is missing, nothing is counted twice, and each request is in one point of the
// series.
func TestNothingIsLostWhileManyRecord(t *testing.T) {
	t.Parallel()
	const users, each = 16, 5000
	r := stats.New(stats.Options{Start: start(), Shards: 3, Separate: true})
	var recording, reading sync.WaitGroup
	done := make(chan struct{})
	for user := range users {
		recording.Go(func() {
			for i := range each {
				s := sample(time.Duration(i%50+1) * time.Millisecond)
				s.Bytes = 3
				switch i % 5 {
				case 0:
					s.Outcome = stats.Outcome{Class: stats.Failed, Kind: stats.KindStatus, Detail: strconv.Itoa(i % 3)}
				case 1:
					s.Outcome = stats.Outcome{Class: stats.Business, Kind: "denied"}
				}
				r.Entry("GET", strconv.Itoa(i%7)).Record(user, s)
				r.Due(1, 0)
			}
		})
	}
	var ticked int64
	ticks := 0
	reading.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
				ticks++
				ticked += r.Tick(after(float64(ticks)), stats.Gauges{}).Requests
			}
		}
	})
	reading.Go(func() {
		var before int64
		for {
			select {
			case <-done:
				return
			default:
				s := r.Snapshot(after(1))
				var sum int64
				for _, e := range s.Entries {
					sum += e.Requests
				}
				if s.Total.Requests < before || s.Total.Requests != sum {
					t.Errorf("total went from %d to %d, entries are %d", before, s.Total.Requests, sum)
					return
				}
				before = s.Total.Requests
			}
		}
	})
	recording.Wait()
	close(done)
	reading.Wait()
	ticked += r.Tick(after(float64(ticks+1)), stats.Gauges{}).Requests

	const all = users * each
	s := r.Snapshot(after(1))
	if s.Total.Requests != all || s.Total.Failures != all/5 || s.Total.Business["denied"] != all/5 || s.Total.Bytes != 3*all || s.Due != all {
		t.Errorf("total is %+v and due %d, want %d requests", s.Total, s.Due, all)
	}
	var series, bars, failures int64
	for _, p := range s.Series {
		series += p.Requests
	}
	for _, b := range s.Histogram {
		bars += b.Count
	}
	for _, f := range s.Failures {
		failures += f.Count
	}
	if ticked != all || series != all || bars != all || failures != all/5 {
		t.Errorf("points have %d requests, the series %d, the bars %d, want %d; failures %d, want %d",
			ticked, series, bars, all, failures, all/5)
	}
}

// Recording does not wait for a reader. With the lock held, it would wait forever.
func TestRecordingDoesNotWaitForReaders(t *testing.T) {
	t.Parallel()
	r := stats.New(stats.Options{Start: start(), Shards: 1})
	release := r.Hold()
	e := r.Entry("GET", "/")
	const count = stats.MaxWaiting - 1
	for range count {
		e.Record(0, sample(time.Millisecond))
	}
	release()
	if got := r.Snapshot(after(1)).Total.Requests; got != count {
		t.Errorf("%d requests were counted, want %d", got, count)
	}
}

// The waiting samples are limited: beyond the limit, recorders wait too, and then
// continue.
func TestRecordersWaitWhenTooManySamplesWait(t *testing.T) {
	t.Parallel()
	r := stats.New(stats.Options{Start: start(), Shards: 1})
	release := r.Hold()
	e := r.Entry("GET", "/")
	full, done := make(chan struct{}), make(chan struct{})
	const count = 2 * stats.MaxWaiting
	go func() {
		defer close(done)
		for i := range count {
			if i == stats.MaxWaiting-1 {
				close(full)
			}
			e.Record(0, sample(time.Millisecond))
		}
	}()
	<-full
	select {
	case <-done:
		t.Error("twice the limit was recorded, although nobody counted")
	case <-time.After(50 * time.Millisecond):
	}
	release()
	<-done
	if got := r.Snapshot(after(1)).Total.Requests; got != count {
		t.Errorf("%d requests were counted, want %d", got, count)
	}
}

func TestResetForgetsAll(t *testing.T) {
	t.Parallel()
	r := stats.New(stats.Options{Start: start(), Separate: true})
	e := r.Entry("GET", "/")
	e.Record(0, failed(stats.KindCheck, "no id", after(1)))
	e.Record(1, business("denied"))
	r.Due(5, 1)
	r.Tick(after(1), stats.Gauges{})
	e.Record(0, sample(time.Minute)) // not ticked yet
	r.Reset(after(20))

	s := r.Snapshot(after(20))
	if s.Total.Requests != 0 || len(s.Entries) != 0 || len(s.Failures) != 0 || len(s.Series) != 0 || len(s.Histogram) != 0 ||
		s.Due != 0 || s.NotSent != 0 || s.Duration != 0 || s.Total.Response != (stats.Latency{}) {
		t.Errorf("after a reset there is %+v", s)
	}

	e.Record(0, answeredAt(20.5))
	p := r.Tick(after(21), stats.Gauges{})
	if p.At != 1 || p.Length != 1 || p.Requests != 1 {
		t.Errorf("the first point is %+v, want 1 request in 1 s until 1 s", p)
	}
	s = r.Snapshot(after(24))
	if s.Duration != 4 || s.Total.Rate != 0.25 || s.Total.RateNow != 0.25 || s.Total.Response.Max != stats.MS(2*time.Millisecond) {
		t.Errorf("4 s after the reset the total is %+v over %v s, want 0.25/s, 2 ms", s.Total, s.Duration)
	}
}

// A request that was due before the first reset belongs to the warm-up, and is not
// counted. A second reset does not lose requests under way.
func TestRequestsDueBeforeTheResetDoNotCount(t *testing.T) {
	t.Parallel()
	seen := 0
	r := stats.New(stats.Options{Start: start(), Observe: func(string, string, stats.Sample) { seen++ }})
	e := r.Entry("GET", "/")
	aged := func(age, at float64) stats.Sample {
		return stats.Sample{Response: time.Duration(age * float64(time.Second)), Service: time.Millisecond, At: after(at)}
	}
	e.Record(0, aged(5, 4)) // without a reset, everything counts
	if got := r.Snapshot(after(4)).Total.Requests; got != 1 {
		t.Fatalf("%d requests, want 1", got)
	}
	r.Reset(after(10))
	bad := aged(3, 12)
	bad.Outcome = stats.Outcome{Class: stats.Failed, Kind: stats.KindCheck}
	e.Record(0, bad)
	e.Record(0, aged(2.001, 12))
	e.Record(0, aged(2, 12))                                        // due at that moment
	e.Record(0, stats.Sample{Response: time.Hour, At: time.Time{}}) // unknown
	p := r.Tick(after(12), stats.Gauges{})
	s := r.Snapshot(after(12))
	if s.Total.Requests != 2 || s.Entries[0].Requests != 2 || p.Requests != 2 || len(s.Failures) != 0 || p.Failures != 0 {
		t.Errorf("total %+v, failures %+v, point %+v, want 2 requests and no failure", s.Total, s.Failures, p)
	}
	if seen != 5 {
		t.Errorf("%d of 5 samples were seen", seen)
	}
	r.Reset(after(20))
	e.Record(0, aged(9, 21))
	if got := r.Snapshot(after(22)).Total.Requests; got != 1 {
		t.Errorf("after a second reset there are %d requests, want 1", got)
	}
}

// The period for rates is the time in which tasks began. It excludes the wait for the
// last answers, which count and have their points.
func TestRatesEndWithTheLastTask(t *testing.T) {
	t.Parallel()
	r := stats.New(stats.Options{Start: start()})
	e := r.Entry("GET", "/")
	for i := range 10 {
		e.Record(0, sample(time.Millisecond))
		r.Tick(after(float64(i+1)), stats.Gauges{})
	}
	if got := r.Snapshot(after(10)); got.Duration != 10 || got.Total.Rate != 1 {
		t.Errorf("before the end %g/s over %g s, want 1/s over 10 s", got.Total.Rate, got.Duration)
	}
	r.End(after(10))
	r.End(after(11)) // only the first one counts
	for range 10 {
		e.Record(0, failed(stats.KindCutOff, "", after(20)))
	}
	r.Tick(after(20), stats.Gauges{})
	s := r.Snapshot(after(21))
	if s.Duration != 10 || s.Total.Rate != 2 || s.Total.FailureRate != 1 || s.Entries[0].Rate != 2 {
		t.Errorf("%g/s and %g failures/s over %g s, want 2/s and 1/s over 10 s", s.Total.Rate, s.Total.FailureRate, s.Duration)
	}
	if last := s.Series[len(s.Series)-1]; last.At != 20 || last.Requests != 10 {
		t.Errorf("the last point is %+v, want the 10 answers of the drain at 20 s", last)
	}
	r.Reset(after(30))
	if s := r.Snapshot(after(40)); s.Duration != 0 || s.Total.Rate != 0 {
		t.Errorf("a reset after the end gives %g s", s.Duration)
	}
}

func TestTooManyNamesAreCountedAsOther(t *testing.T) {
	t.Parallel()
	r := stats.New(stats.Options{Start: start()})
	fill(r, stats.MaxEntries+50, 2)
	s := r.Snapshot(after(1))
	if len(s.Entries) != stats.MaxEntries+1 || s.Total.Requests != 2*(stats.MaxEntries+50) {
		t.Fatalf("%d entries with %d requests, want %d with %d", len(s.Entries), s.Total.Requests, stats.MaxEntries+1, 2*(stats.MaxEntries+50))
	}
	if rest := s.Entries[0]; rest.Name != "(other)" || rest.Requests != 100 {
		t.Errorf("the rest is %+v, want 100 requests named (other)", rest)
	}
}

func TestObserveSeesEachSample(t *testing.T) {
	t.Parallel()
	var seen []string
	r := stats.New(stats.Options{Start: start(), Observe: func(method, name string, s stats.Sample) {
		seen = append(seen, fmt.Sprintln(method, name, s.Response, s.Outcome.Kind))
	}})
	r.Entry("POST", "/a").Record(0, business("denied"))
	r.Entry("GET", "/b").Record(0, sample(time.Second))
	if len(seen) != 2 || seen[0] != "POST /a 1ms denied\n" || seen[1] != "GET /b 1s \n" {
		t.Errorf("seen were %q", seen)
	}
}

func TestOffRecordsNothing(t *testing.T) {
	t.Parallel()
	r := stats.New(stats.Options{Start: start(), Off: true, Observe: func(string, string, stats.Sample) { t.Error("a sample was seen") }})
	fill(r, 3, 1000)
	r.Due(1, 1)
	p := r.Tick(after(1), stats.Gauges{Users: 4})
	s := r.Snapshot(after(1))
	if s.Total.Requests != 0 || len(s.Entries) != 0 || s.Due != 0 || p.Requests != 0 || p.Users != 4 {
		t.Errorf("off, the total is %+v, the point %+v", s.Total, p)
	}
}

// No t.Parallel: allocations of other tests would be counted.
func TestRecordingDoesNotAllocate(t *testing.T) {
	r := stats.New(stats.Options{Start: start(), Separate: true})
	fill(r, 5, 3000)
	denied := business("denied")
	bad := failed(stats.KindStatus, "want 200, got 503", start())
	user := 0
	record := func() {
		e := r.Entry("GET", "/003")
		e.Record(user, sample(7*time.Millisecond))
		e.Record(user, denied)
		e.Record(user, bad)
		user++
	}
	for range 5000 {
		record()
	}
	if n := testing.AllocsPerRun(5000, record); n != 0 {
		t.Errorf("three requests allocate %v times, want 0", n)
	}
}

// No t.Parallel: memory of other tests would be counted.
func TestMemoryOfTheMaximumNumberOfNames(t *testing.T) {
	const most = 100 << 20
	var before, then runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	r := stats.New(stats.Options{Start: start(), Separate: true, Shards: 16})
	fill(r, 2*stats.MaxEntries, 500)
	r.Tick(after(1), stats.Gauges{})
	s := r.Snapshot(after(1))
	runtime.GC()
	runtime.ReadMemStats(&then)
	used := int64(then.HeapAlloc) - int64(before.HeapAlloc)
	t.Logf("%d names take %d MB", len(s.Entries), used>>20)
	if used > most {
		t.Errorf("%d names take %d MB, want at most %d", len(s.Entries), used>>20, most>>20)
	}
	runtime.KeepAlive(r)
}
