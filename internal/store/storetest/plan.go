package storetest

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"onsale/internal/fault"
)

func planVersions(w *world) {
	none, err := w.LoadPlan(w.Context())
	if err != nil || none.Version != 0 {
		w.Fatalf("a new database has the plan %+v, %v, want version 0", none, err)
	}
	other := w.open(nil)
	for i, plan := range []fault.Plan{fault.Default(), fault.Off(), {Seed: 7, NotReady: fault.Switch{On: true, For: time.Minute}}} {
		saved, err := w.SavePlan(w.Context(), plan)
		if err != nil {
			w.Fatal(err)
		}
		loaded, err := other.LoadPlan(w.Context())
		if err != nil {
			w.Fatal(err)
		}
		for name, state := range map[string]fault.State{"saved": saved, "loaded": loaded} {
			if state.Version != int64(i+1) || text(w, state.Plan) != text(w, plan) {
				w.Errorf("%s version %d %s, want %d %s", name, state.Version, text(w, state.Plan), i+1, text(w, plan))
			}
			if state.Age < 0 || state.Age > time.Minute {
				w.Errorf("%s plan has age %s, want at most a minute", name, state.Age)
			}
		}
	}
}

// text returns a plan as it is stored, for comparison.
func text(w *world, p fault.Plan) string {
	w.Helper()
	b, err := json.Marshal(p)
	if err != nil {
		w.Fatal(err)
	}
	return string(b)
}

func planAge(w *world) {
	if _, err := w.SavePlan(w.Context(), fault.Default()); err != nil {
		w.Fatal(err)
	}
	const age = 10 * time.Minute
	w.exec(`UPDATE faults SET set_at = '%s'`, timestamp(time.Now().Add(-age)))
	state, err := w.LoadPlan(w.Context())
	if err != nil {
		w.Fatal(err)
	}
	if state.Age < age || state.Age > age+time.Minute {
		w.Errorf("age %s, want %s", state.Age, age)
	}
	if state, err = w.SavePlan(w.Context(), fault.Default()); err != nil || state.Age > time.Minute {
		w.Errorf("the same plan saved again: %+v, %v, want a new age", state, err)
	}
}

func planRace(w *world) {
	const writers = 8
	handles := []Store{w, w.open(nil)}
	versions, errs := make([]int64, writers), make([]error, writers)
	var all sync.WaitGroup
	for i := range writers {
		all.Go(func() {
			errs[i] = insist(w.Context(), func() error {
				state, err := handles[i%2].SavePlan(w.Context(), fault.Off())
				versions[i] = state.Version
				return err
			})
		})
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		w.Fatal(err)
	}
	slices.Sort(versions)
	for i, v := range versions {
		if v != int64(i+1) {
			w.Fatalf("versions %v, want 1 to %d", versions, writers)
		}
	}
}

func planSwap(w *world) {
	other := w.open(nil)
	timed := fault.Plan{CPU: fault.CPUBurn{Share: 0.5, For: time.Minute}}
	for _, version := range []int64{2, 7} {
		if _, err := w.SwapPlan(w.Context(), fault.State{Version: version, Plan: timed}); !errors.Is(err, fault.ErrChanged) {
			w.Errorf("swap of version %d without a plan: %v, want ErrChanged", version-1, err)
		}
	}
	first, err := w.SwapPlan(w.Context(), fault.State{Version: 1, Plan: timed})
	if err != nil || first.Version != 1 || first.Age > time.Minute {
		w.Fatalf("the first plan is %+v, %v", first, err)
	}
	if _, err := other.SwapPlan(w.Context(), fault.State{Version: 1, Plan: fault.Off()}); !errors.Is(err, fault.ErrChanged) {
		w.Errorf("a second first plan: %v, want ErrChanged", err)
	}
	const age = 10 * time.Minute
	w.exec(`UPDATE faults SET set_at = '%s'`, timestamp(time.Now().Add(-age)))
	begun := map[string]time.Duration{"cpu": 5 * time.Minute, `routes["/books"].error`: -time.Second}
	second, err := other.SwapPlan(w.Context(), fault.State{Version: 2, Plan: timed, Begun: begun})
	if err != nil {
		w.Fatal(err)
	}
	loaded, err := w.LoadPlan(w.Context())
	if err != nil {
		w.Fatal(err)
	}
	for name, state := range map[string]fault.State{"swapped": second, "loaded": loaded} {
		if state.Version != 2 || text(w, state.Plan) != text(w, timed) || !maps.Equal(state.Begun, begun) || state.Age < age || state.Age > age+time.Minute {
			w.Errorf("%s: %+v, want version 2 with age %s, begun %v", name, state, age, begun)
		}
	}
	if _, err := w.SwapPlan(w.Context(), fault.State{Version: 2, Plan: fault.Off()}); !errors.Is(err, fault.ErrChanged) {
		w.Errorf("swap of an old version: %v, want ErrChanged", err)
	}
	if saved, err := w.SavePlan(w.Context(), fault.Off()); err != nil || saved.Version != 3 || saved.Begun != nil || saved.Age > time.Minute {
		w.Errorf("save over a patched plan: %+v, %v, want version 3 with a new age", saved, err)
	}
}

func planPatches(w *world) {
	replicas := []*fault.Injector{
		fault.NewInjector(fault.Options{Plan: fault.Default(), Store: w, Replica: "a"}),
		fault.NewInjector(fault.Options{Plan: fault.Default(), Store: w.open(nil), Replica: "b"}),
	}
	routes := fault.Routes()
	errs := make([]error, len(routes))
	var all sync.WaitGroup
	for n, route := range routes {
		all.Go(func() {
			errs[n] = insist(w.Context(), func() error {
				_, _, err := replicas[n%2].Patch(w.Context(), fmt.Appendf(nil, `{"routes":{%q:{"error":0.5,"for":"1h"}}}`, route))
				return err
			})
		})
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		w.Fatal(err)
	}
	state, err := w.LoadPlan(w.Context())
	if err != nil {
		w.Fatal(err)
	}
	for _, route := range routes {
		if state.Plan.Routes[route].Error != 0.5 {
			w.Errorf("the patch of %s is lost", route)
		}
	}
	if buy := state.Plan.Routes["/buy/{concert_id}"]; buy.Delay.Uniform.Max != 4*time.Second || buy.For != 0 || buy.Own.Error != time.Hour {
		w.Errorf("the delay of purchases is %+v", buy)
	}
}

func heartbeats(w *world) {
	other := w.open(nil)
	beat := func(s Store, id string, version int64) {
		w.Helper()
		if err := s.Heartbeat(w.Context(), id, version); err != nil {
			w.Fatal(err)
		}
	}
	beat(w, "b", 1)
	beat(other, "a", 1)
	beat(w, "b", 2)
	w.replicas(fault.Replica{ID: "a", Version: 1}, fault.Replica{ID: "b", Version: 2})

	w.exec(`UPDATE replicas SET seen_at = '%s' WHERE id = 'a'`, timestamp(time.Now().Add(-20*time.Second)))
	w.replicas(fault.Replica{ID: "b", Version: 2})
	beat(other, "a", 3)
	w.replicas(fault.Replica{ID: "a", Version: 3}, fault.Replica{ID: "b", Version: 2})

	w.exec(`UPDATE replicas SET seen_at = '%s' WHERE id = 'a'`, timestamp(time.Now().Add(-2*time.Hour)))
	beat(w, "b", 4)
	var rows int
	if err := w.database.Raw.QueryRowContext(w.Context(), `SELECT count(*) FROM replicas`).Scan(&rows); err != nil || rows != 1 {
		w.Errorf("%d rows of replicas, %v, want 1 without the replica that was silent for two hours", rows, err)
	}
}

// replicas fails the test unless exactly the wanted replicas are listed, all seen
// recently.
func (w *world) replicas(want ...fault.Replica) {
	w.Helper()
	got, err := w.Replicas(w.Context())
	if err != nil {
		w.Fatal(err)
	}
	slices.SortFunc(got, func(a, b fault.Replica) int { return strings.Compare(a.ID, b.ID) })
	for i := range got {
		if ago := got[i].SeenAgo; ago < 0 || ago > 15*time.Second {
			w.Errorf("replica %s was seen %s ago", got[i].ID, ago)
		}
		got[i].SeenAgo = 0
	}
	if !slices.Equal(got, want) {
		w.Errorf("replicas %+v, want %+v", got, want)
	}
}
