package stress_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"onsale/internal/stress"
	"onsale/internal/stress/stats"
	"onsale/internal/stress/wire"
)

// Example sends 100 requests a second to a server for 200 ms, and prints how many
// were answered.
func Example() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, "hello")
	}))
	defer server.Close()
	target, err := wire.ParseTarget(server.URL)
	if err != nil {
		fmt.Println(err)
		return
	}

	// A visitor has one task: it requests the page /.
	visitor := stress.Kind{Name: "visitor", Weight: 1, Join: func(u *stress.User) stress.Part {
		call := &stress.Call{Request: wire.Request{Method: http.MethodGet, Path: "/"}}
		return stress.Part{Tasks: []stress.Task{{Weight: 1, Do: func(ctx context.Context) { u.Do(ctx, call) }}}}
	}}
	recorder := stats.New(stats.Options{Start: time.Now()})
	run, err := stress.New(stress.Options{
		Scenario:    &stress.Scenario{Name: "visit", Kinds: []stress.Kind{visitor}},
		Load:        stress.Load{Open: true, Curve: stress.Flat(100)}, // tasks a second
		RunTime:     200 * time.Millisecond,
		StopTimeout: 10 * time.Second, // for requests under way at the end
		Connect:     func() wire.Doer { return wire.New(target, wire.Options{}) },
		Stats:       recorder,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := run.Run(context.Background()); err != nil {
		fmt.Println(err)
		return
	}

	s := recorder.Snapshot(time.Now())
	fmt.Printf("%d tasks were due: %d requests, %d failures\n", s.Due, s.Total.Requests, s.Total.Failures)
	// Output: 20 tasks were due: 20 requests, 0 failures
}
