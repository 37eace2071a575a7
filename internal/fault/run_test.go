package fault_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"onsale/internal/fault"
)

// run runs the injector until the test ends.
func run(t *testing.T, i *fault.Injector) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- i.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("run: %v", err)
		}
	})
}

func TestReplicasAgreeWithinTwoSeconds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &memoryStore{skew: -time.Hour}
		one := fault.NewInjector(fault.Options{Plan: fault.Default(), Store: store, Replica: "one"})
		two := fault.NewInjector(fault.Options{Plan: fault.Default(), Store: store, Replica: "number two"})
		run(t, one)
		run(t, two)
		time.Sleep(10*time.Second + 300*time.Millisecond)

		plan := fault.Plan{NotReady: fault.Switch{On: true, For: 10 * time.Second}}
		state := mustSet(t, one, plan)
		if state.Version != 1 || !reflect.DeepEqual(state.Plan, plan) || one.Ready() {
			t.Errorf("not applied immediately where it was set: %+v", state)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if got := two.State(); got.Version != 1 || !reflect.DeepEqual(got.Plan, plan) || got.Age != 2*time.Second || two.Ready() {
			t.Errorf("after 2s the other replica has %+v", got)
		}
		replicas, err := store.Replicas(t.Context())
		if err != nil || len(replicas) != 2 || replicas[0].Version != 1 || replicas[1].Version != 1 {
			t.Errorf("replicas are %+v (%v), want both at version 1", replicas, err)
		}

		// The fault ends at the same time on both.
		time.Sleep(8*time.Second - time.Nanosecond)
		if one.Ready() || two.Ready() {
			t.Error("the fault ended early")
		}
		time.Sleep(time.Nanosecond)
		if !one.Ready() || !two.Ready() {
			t.Errorf("the fault did not end: one ready %v, two ready %v", one.Ready(), two.Ready())
		}
	})
}

func TestTheStoredPlanOverridesTheOptions(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &memoryStore{}
		i := fault.NewInjector(fault.Options{Plan: fault.Default(), Store: store, Replica: "one"})
		if err := i.Load(t.Context()); err != nil {
			t.Fatalf("load: %v", err)
		}
		if got := i.State(); got.Version != 0 || !reflect.DeepEqual(got.Plan, fault.Default()) {
			t.Errorf("without a stored plan, the plan is %+v", got)
		}
		if _, err := store.SavePlan(t.Context(), fault.Off()); err != nil {
			t.Fatalf("save: %v", err)
		}
		time.Sleep(time.Minute)
		if err := i.Load(t.Context()); err != nil {
			t.Fatalf("load: %v", err)
		}
		if got := i.State(); got.Version != 1 || !reflect.DeepEqual(got.Plan, fault.Off()) || got.Age != time.Minute {
			t.Errorf("loaded %+v, want the stored plan", got)
		}
	})
}

// A fault that ended before the replica started does not become active again.
func TestAPlanThatIsOverStaysOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &memoryStore{skew: time.Hour}
		if _, err := store.SavePlan(t.Context(), fault.Plan{NotReady: fault.Switch{On: true, For: time.Minute}}); err != nil {
			t.Fatalf("save: %v", err)
		}
		time.Sleep(time.Minute)
		i := fault.NewInjector(fault.Options{Store: store, Replica: "late"})
		if err := i.Load(t.Context()); err != nil {
			t.Fatalf("load: %v", err)
		}
		if !i.Ready() || len(i.Active()) != 0 {
			t.Errorf("ready %v, active %q", i.Ready(), i.Active())
		}
	})
}

// After Set, the list of replicas immediately shows the new version.
func TestSetSendsAHeartbeat(t *testing.T) {
	t.Parallel()
	store := &memoryStore{}
	i := fault.NewInjector(fault.Options{Store: store, Replica: "one"})
	mustSet(t, i, fault.Default())
	replicas, err := store.Replicas(t.Context())
	if err != nil || len(replicas) != 1 || replicas[0].Version != i.State().Version {
		t.Errorf("replicas are %+v (%v), want this one at version %d", replicas, err, i.State().Version)
	}
}

func TestHeartbeats(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &memoryStore{}
		i := fault.NewInjector(fault.Options{Store: store, Replica: "one"})
		begin := time.Now()
		run(t, i)
		time.Sleep(12 * time.Second)
		mustSet(t, i, fault.Default())
		time.Sleep(6 * time.Second)
		synctest.Wait()
		var got []time.Duration
		for _, beat := range store.beatsOf("one") {
			got = append(got, beat.Sub(begin))
		}
		want := []time.Duration{0, 5 * time.Second, 10 * time.Second, 12 * time.Second, 17 * time.Second}
		if !slices.Equal(got, want) {
			t.Errorf("heartbeats at %v, want %v: at the start, every 5s, and after a change", got, want)
		}
	})
}

func TestTheLastPlanIsKeptWhileTheStoreFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &memoryStore{}
		var log safeBuffer
		i := fault.NewInjector(fault.Options{Store: store, Replica: "one", Logger: slog.New(slog.NewJSONHandler(&log, nil))})
		run(t, i)
		mustSet(t, i, fault.Default())
		for range 2 {
			time.Sleep(10 * time.Second)
			store.setAway(true)
			time.Sleep(time.Minute)
			if got := i.State(); got.Version != 1 || !reflect.DeepEqual(got.Plan, fault.Default()) {
				t.Errorf("while the store fails, the plan is %+v", got)
			}
			if _, err := i.Set(t.Context(), fault.Off()); !errors.Is(err, errStoreAway) || i.State().Version != 1 {
				t.Errorf("set: %v, version %d; want the store's error and no change", err, i.State().Version)
			}
			if err := i.Load(t.Context()); !errors.Is(err, errStoreAway) {
				t.Errorf("load: %v, want the store's error", err)
			}
			store.setAway(false)
			time.Sleep(10 * time.Second)
		}
		synctest.Wait()
		want := []string{
			"fault plan applied",
			"fault plan store failed, keeping the last plan", "fault plan store is available again",
			"fault plan store failed, keeping the last plan", "fault plan store is available again",
		}
		if got := log.messages(t); !slices.Equal(got, want) {
			t.Errorf("log is %q\nwant   %q", got, want)
		}
	})
}

// A plan that was read before another was set must not replace it.
func TestALatePlanDoesNotReplaceANewerOne(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &memoryStore{}
		i := fault.NewInjector(fault.Options{Store: store, Replica: "one"})
		if _, err := store.SavePlan(t.Context(), fault.Default()); err != nil {
			t.Fatalf("save: %v", err)
		}
		store.loaded = func() { time.Sleep(time.Second) } // the response is slow
		loaded := make(chan error)
		go func() { loaded <- i.Load(t.Context()) }()
		synctest.Wait()
		mustSet(t, i, fault.Off())
		if err := <-loaded; err != nil {
			t.Errorf("load: %v", err)
		}
		if got := i.State(); got.Version != 2 || !reflect.DeepEqual(got.Plan, fault.Off()) {
			t.Errorf("the plan is %+v, want version 2", got)
		}
	})
}

func TestCallsToAHangingStoreTimeOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &hangingStore{}
		i := fault.NewInjector(fault.Options{Plan: fault.Default(), Store: store, Replica: "one"})
		run(t, i)
		time.Sleep(10*time.Second + 1)
		if got := store.loads.Load(); got < 5 {
			t.Errorf("%d loads in 10s: a hanging call delays the next one", got)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		second := make(chan error)
		go func() {
			_, err := i.Set(ctx, fault.Off())
			second <- err
		}()
		if _, err := i.Set(ctx, fault.Off()); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("set: %v, want the context's error", err)
		}
		if err := <-second; !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("concurrent set: %v, want the context's error", err)
		}
	})
}

func TestWithoutAStorePlansAreLocal(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		i := fault.NewInjector(fault.Options{Plan: fault.Default()})
		run(t, i)
		if err := i.Load(t.Context()); err != nil {
			t.Errorf("load: %v", err)
		}
		for version := range int64(3) {
			if got := i.State().Version; got != version {
				t.Errorf("version is %d, want %d", got, version)
			}
			if got := mustSet(t, i, fault.Off()); got.Version != version+1 || got.Age != 0 {
				t.Errorf("set returns %+v, want version %d", got, version+1)
			}
			time.Sleep(3 * time.Second)
			if got := i.State().Age; got != 3*time.Second {
				t.Errorf("age is %v after 3s", got)
			}
		}
	})
}

func TestSetRejectsAnInvalidPlan(t *testing.T) {
	t.Parallel()
	store := &memoryStore{}
	i := fault.NewInjector(fault.Options{Store: store})
	_, err := i.Set(t.Context(), fault.Plan{CPU: fault.CPUBurn{Share: 2}})
	if planErr, ok := errors.AsType[*fault.PlanError](err); !ok || planErr.Field != "cpu.share" {
		t.Errorf("error is %v", err)
	}
	if store.state.Version != 0 || i.State().Version != 0 {
		t.Error("an invalid plan was stored or applied")
	}
}

// Callers cannot change the injector's plan.
func TestPlansAreNotShared(t *testing.T) {
	t.Parallel()
	plan := fault.Default()
	i := fault.NewInjector(fault.Options{Plan: fault.Off()})
	mustSet(t, i, plan)
	delete(plan.Routes, buy)
	delete(i.State().Plan.Routes, buyDeny)
	if got := i.State().Plan; !reflect.DeepEqual(got, fault.Default()) {
		t.Errorf("a caller changed the plan: %+v", got)
	}
}

// hangingStore does not respond until the context ends.
type hangingStore struct {
	memoryStore

	loads atomic.Int64
}

func (s *hangingStore) LoadPlan(ctx context.Context) (fault.State, error) {
	s.loads.Add(1)
	<-ctx.Done()
	return fault.State{}, ctx.Err()
}

func (s *hangingStore) SavePlan(ctx context.Context, _ fault.Plan) (fault.State, error) {
	<-ctx.Done()
	return fault.State{}, ctx.Err()
}

// safeBuffer is a log buffer that is safe for concurrent use.
type safeBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// messages returns the messages of the log.
func (b *safeBuffer) messages(t *testing.T) []string {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	var messages []string
	for line := range strings.Lines(b.buf.String()) {
		var record struct{ Msg string }
		if err := json.Unmarshal([]byte(line), &record); err != nil {
			t.Fatalf("read log: %v", err)
		}
		messages = append(messages, record.Msg)
	}
	return messages
}
