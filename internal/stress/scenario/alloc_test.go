package scenario_test

import (
	"context"
	"net/http"
	"strconv"
	"testing"
	"time"

	"onsale/internal/stress"
	"onsale/internal/stress/stats"
	"onsale/internal/stress/wire"
)

// still is a connection that answers without allocating.
type still struct {
	list   []byte
	answer wire.Response
	body   []byte
}

func (s *still) Do(_ context.Context, r *wire.Request) (*wire.Response, error) {
	s.answer = wire.Response{Status: 200, Body: s.list}
	if r.Method == http.MethodPost {
		quantity := int64(r.Body[len(r.Body)-2] - '0')
		s.body = strconv.AppendInt(append(s.body[:0], `{"concert_id":1,"quantity":`...), quantity, 10)
		s.body = append(s.body, `,"status":"success","purchase_id":"01a2014c-d993-7bc8-957b-9fe12660d41b"}`...)
		s.answer.Body = s.body
	}
	s.answer.Size = int64(len(s.answer.Body))
	return &s.answer, nil
}

func (*still) Release() {}

func (*still) Close() {}

func (*still) Protocol() string { return "none" }

// one starts a single user of a scenario, and passes its tasks to f.
func one(tb testing.TB, name string, f func(ctx context.Context, tasks []stress.Task)) stats.Snapshot {
	tb.Helper()
	in := instance(tb, name)
	join, done := in.Scenario.Kinds[0].Join, make(chan struct{})
	in.Scenario.Kinds[0].Join = func(u *stress.User) stress.Part {
		part := join(u)
		did := false
		return stress.Part{Tasks: []stress.Task{{Weight: 1, Do: func(ctx context.Context) {
			if !did {
				did = true
				defer close(done)
				f(ctx, part.Tasks)
			}
		}}}}
	}
	recorder := stats.New(stats.Options{Start: time.Now()})
	r, err := stress.New(stress.Options{
		Scenario: in.Scenario, Load: stress.Load{Curve: stress.Curve{From: 1}}, StopTimeout: time.Second, Stats: recorder,
		Connect: func() wire.Doer { return &still{list: longList(1)} },
	})
	if err != nil {
		tb.Fatal(err)
	}
	go func() {
		<-done
		r.Stop()
	}()
	if err := r.Run(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	return recorder.Snapshot(time.Now())
}

// TestTasksDoNotAllocate: a user that requests a list it has already seen, or buys,
// allocates nothing. The test counts all allocations of the process, so that it must not run in parallel
// with others.
func TestTasksDoNotAllocate(t *testing.T) {
	s := one(t, "tickets", func(ctx context.Context, tasks []stress.Task) {
		for i, what := range []string{"look", "purchase"} {
			tasks[i].Do(ctx)
			if n := testing.AllocsPerRun(2000, func() { tasks[i].Do(ctx) }); n != 0 {
				t.Errorf("a %s allocates %v times", what, n)
			}
		}
	})
	if s.Total.Requests < 4000 || s.Total.Failures != 0 {
		t.Errorf("%+v, %+v", s.Total, s.Failures)
	}
}

func BenchmarkTasks(b *testing.B) {
	for i, what := range []string{"look", "buy"} {
		b.Run(what, func(b *testing.B) {
			one(b, "tickets", func(ctx context.Context, tasks []stress.Task) {
				b.ReportAllocs()
				for b.Loop() {
					tasks[i].Do(ctx)
				}
			})
		})
	}
}
