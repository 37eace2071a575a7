package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"onsale/internal/catalog"
)

// sighting has the times at which an alert was first seen in each state.
type sighting struct {
	pending, firing, quietAgain time.Time
}

// watcher polls the alerts of a running monitoring several times a second.
type watcher struct {
	t      testing.TB
	base   string
	client *http.Client

	mu   sync.Mutex
	seen map[string]*sighting
	now  map[string]string // the state of each alert that is not inactive
}

// watchPause is the time between two polls, less than the evaluation interval of the rules.
const watchPause = 200 * time.Millisecond

// watch polls until the test ends.
func watch(tb testing.TB, base string) *watcher {
	tb.Helper()
	w := &watcher{t: tb, base: base, client: newClient(), seen: map[string]*sighting{}, now: map[string]string{}}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			w.look()
			select {
			case <-stop:
				return
			case <-time.After(watchPause):
			}
		}
	}()
	tb.Cleanup(func() {
		close(stop)
		<-stopped
		w.client.CloseIdleConnections()
		if tb.Failed() {
			tb.Logf("alerts seen:\n%s", w)
		}
	})
	return w
}

func (w *watcher) look() {
	status, body := call(w.t.Context(), w.client, http.MethodGet, w.base+"/api/v1/alerts", "")
	var answer struct {
		Data struct {
			Alerts []struct {
				State  string
				Labels map[string]string
			}
		}
	}
	if status != http.StatusOK || json.Unmarshal(body, &answer) != nil {
		return // not ready, or stopping
	}
	now, when := map[string]string{}, time.Now()
	for _, a := range answer.Data.Alerts {
		if name := a.Labels["alertname"]; now[name] != "firing" {
			now[name] = a.State
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = now
	for name, state := range now {
		s := w.seen[name]
		if s == nil {
			s = new(sighting)
			w.seen[name] = s
		}
		switch {
		case state == "pending" && s.pending.IsZero():
			s.pending = when
		case state == "firing" && s.firing.IsZero():
			s.firing = when
		}
		s.quietAgain = time.Time{}
	}
	for name, s := range w.seen {
		if now[name] == "" && s.quietAgain.IsZero() {
			s.quietAgain = when
		}
	}
}

// states returns the alerts that are pending or firing now.
func (w *watcher) states() map[string]string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return maps.Clone(w.now)
}

// sighting returns when an alert was seen so far.
func (w *watcher) sighting(name string) sighting {
	w.mu.Lock()
	defer w.mu.Unlock()
	if s := w.seen[name]; s != nil {
		return *s
	}
	return sighting{}
}

func (w *watcher) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(w.seen)) {
		s, clock := w.seen[name], func(t time.Time) string {
			if t.IsZero() {
				return "never"
			}
			return t.Format("15:04:05.0")
		}
		fmt.Fprintf(&b, "  %-22s pending %s, firing %s, quiet again %s\n", name, clock(s.pending), clock(s.firing), clock(s.quietAgain))
	}
	return b.String()
}

// until waits until missing returns an empty text, and polls it every watchPause.
func until(tb testing.TB, limit time.Duration, what string, condition func() (missing string)) {
	tb.Helper()
	deadline := time.Now().Add(limit)
	for {
		missing := condition()
		if missing == "" {
			return
		}
		if time.Now().After(deadline) {
			tb.Fatalf("%s: not within %s: %s", what, limit, missing)
		}
		time.Sleep(watchPause)
	}
}

// provocation returns a plan that provokes all these alerts, merged from the plans in the
// catalogue. It has no end, because the test ends it.
func provocation(t *testing.T, names ...string) string {
	t.Helper()
	merged := map[string]any{}
	for _, a := range catalog.Alerts(catalog.DefaultSettings(), catalog.Demo()) {
		if !slices.Contains(names, a.Name) {
			continue
		}
		if a.Provoke.Faults == "" {
			t.Fatalf("no fault provokes %s", a.Name)
		}
		var plan map[string]any
		if err := json.Unmarshal([]byte(a.Provoke.Faults), &plan); err != nil {
			t.Fatalf("%s: %v", a.Name, err)
		}
		merge(merged, plan)
	}
	text, err := json.Marshal(merged)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// merge merges a plan into another, field by field.
func merge(into, plan map[string]any) {
	for key, value := range plan {
		old, isMap := into[key].(map[string]any)
		added, alsoMap := value.(map[string]any)
		switch {
		case key == "for":
		case isMap && alsoMap:
			merge(old, added)
		case alsoMap:
			fresh := map[string]any{}
			merge(fresh, added)
			into[key] = fresh
		default:
			into[key] = value
		}
	}
}
