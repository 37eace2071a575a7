package history_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"onsale/internal/stress/history"
	"onsale/internal/stress/result"
	"onsale/internal/stress/stats"
)

func ms(n float64) stats.MS { return stats.MS(n * float64(time.Millisecond)) }

// saved returns the n-th run of the ticket scenario.
func saved(n int) result.Run {
	started := time.Date(2026, 11, 22, 8, 59, n, 0, time.UTC)
	return result.Run{
		Schema: result.Schema, ID: history.NewID(started, rand.New(rand.NewPCG(1, uint64(n)))), Program: "onsale 1.0",
		Host: "http://127.0.0.1:8000", Protocol: "HTTP/1.1", Settings: result.Settings{Scenario: "tickets", Users: 100, SpawnRate: 10},
		Started: started, Ended: started.Add(time.Minute),
		Stats: stats.Snapshot{
			Duration: 60,
			Total:    stats.Summary{Requests: 6000, Failures: 60, Rate: 100, Response: stats.Latency{P50: ms(50), P95: ms(95.5), P99: ms(99)}},
			Entries: []stats.Summary{
				{Method: "GET", Name: "/concerts", Requests: 4000, Rate: 75, Response: stats.Latency{P50: ms(40), P95: ms(80), P99: ms(90)}},
				{Method: "POST", Name: "/buy/[id]", Requests: 2000, Failures: 60, Rate: 25, Response: stats.Latency{P50: ms(60), P95: ms(120), P99: ms(1300)}},
			},
			Series: []stats.Point{{At: 1, Requests: 100, P95: ms(95)}},
		},
		Verdict: result.Verdict{Code: result.Failed, Checks: []result.Check{{Expr: "failures>0", Value: "60", Crossed: true}}},
	}
}

func save(t *testing.T, s *history.Store, runs ...result.Run) {
	t.Helper()
	for _, r := range runs {
		if err := s.Save(r); err != nil {
			t.Fatal(err)
		}
	}
}

func list(t *testing.T, s *history.Store) []history.Summary {
	t.Helper()
	runs, err := s.List()
	if err != nil {
		t.Fatal(err)
	}
	return runs
}

func TestSavedRunComesBackWhole(t *testing.T) {
	t.Parallel()
	s := history.New(t.TempDir())
	want := saved(1)
	save(t, s, want)
	got, err := s.Get(want.ID)
	if err != nil {
		t.Fatal(err)
	}
	a, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(a, b) {
		t.Errorf("saved was\n%s\nbut read was\n%s", a, b)
	}
	runs := list(t, s)
	if len(runs) != 1 || runs[0] != (history.Summary{
		ID: want.ID, Started: want.Started, Duration: 60, Scenario: "tickets", Host: "http://127.0.0.1:8000", Load: "100 users",
		Requests: 6000, Failures: 60, Rate: 100, P95: ms(95.5), Verdict: "failed", Code: result.Failed,
	}) {
		t.Errorf("it is listed as %+v", runs)
	}
}

func TestNothingKeptYet(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := history.New(dir)
	if runs := list(t, s); runs == nil || len(runs) != 0 {
		t.Errorf("listed are %#v; want an empty list, which JSON writes as []", runs)
	}
	if _, err := s.Get("last"); !errors.Is(err, history.ErrNotFound) {
		t.Errorf("the last of none is %v", err)
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) != 0 {
		t.Errorf("looking made %v, %v", files, err)
	}
}

func TestIDsSortByTime(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		when := time.Unix(rapid.Int64Range(0, 1<<33).Draw(t, "time"), 0)
		later := when.Add(time.Duration(rapid.Int64Range(int64(time.Second), 1e18).Draw(t, "later")))
		a := history.NewID(when, random)
		// Zones and summer time do not matter.
		b := history.NewID(later.In(time.FixedZone("west", -8*3600)), random)
		if a >= b || len(a) != len("20261122-085900-7f3a") {
			t.Errorf("%s of %v does not sort before %s of %v", a, when, b, later)
		}
	})
}

func TestGetByWord(t *testing.T) {
	t.Parallel()
	s := history.New(t.TempDir())
	runs := []result.Run{saved(1), saved(2), saved(11)}
	save(t, s, runs...)
	for word, want := range map[string]int{
		"last": 2, "@0": 2, "last-1": 1, "@1": 1, "last-0": 2, "last-2": 0, "@2": 0,
		runs[0].ID: 0, runs[1].ID[:len("20261122-085902")]: 1, "20261122-08591": 2,
	} {
		if r, err := s.Get(word); err != nil || r.ID != runs[want].ID {
			t.Errorf("%q is %s, %v; want %s", word, r.ID, err, runs[want].ID)
		}
	}
	for word, want := range map[string]error{
		"": history.ErrNotFound, "@3": history.ErrNotFound, "last-3": history.ErrNotFound, "@-1": history.ErrNotFound, "@": history.ErrNotFound,
		"last-": history.ErrNotFound, "last-x": history.ErrNotFound, "@99999999999999999999": history.ErrNotFound, "2025": history.ErrNotFound,
		"2026": history.ErrAmbiguous, "20261122-08590": history.ErrAmbiguous, runs[0].ID + "0": history.ErrNotFound, "*": history.ErrNotFound,
	} {
		if r, err := s.Get(word); !errors.Is(err, want) {
			t.Errorf("%q is %s, %v; want the error %v", word, r.ID, err, want)
		}
	}
}

// No word and no ID reaches a file outside the directory.
func TestPathsStayInside(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := history.New(filepath.Join(dir, "data"))
	save(t, s, saved(1))
	text, err := json.Marshal(saved(2))
	if err != nil {
		t.Fatal(err)
	}
	outside := filepath.Join(dir, saved(2).ID+".json")
	if err := os.WriteFile(outside, text, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"../../" + saved(2).ID, "../" + saved(2).ID, outside, strings.TrimSuffix(outside, ".json"), `..\..\` + saved(2).ID, "\x00"} {
		if r, err := s.Get(word); !errors.Is(err, history.ErrNotFound) {
			t.Errorf("%q is %s, %v", word, r.ID, err)
		}
	}
	for _, id := range []string{"", "../" + saved(2).ID, "last", saved(2).ID + "/x", "20261122-085900-7F3A", strings.Repeat("1", 1000)} {
		r := saved(3)
		r.ID = id
		if err := s.Save(r); !errors.Is(err, history.ErrID) {
			t.Errorf("ID %q was saved: %v", id, err)
		}
	}
	// A link also points outside.
	if err := os.Symlink(outside, filepath.Join(dir, "data", "runs", saved(2).ID+".json")); err != nil {
		t.Fatal(err)
	}
	if r, err := s.Get(saved(2).ID); !errors.Is(err, history.ErrDamaged) {
		t.Errorf("the link was followed to %s, %v", r.ID, err)
	}
}

func TestDamagedRunsAreListed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := history.New(dir)
	good := saved(1)
	save(t, s, good)
	whole, err := os.ReadFile(filepath.Join(dir, "runs", good.ID+".json"))
	if err != nil {
		t.Fatal(err)
	}
	damage := map[string]string{
		"":                                   "unexpected end",
		"null":                               "not a report",
		"[1,2]":                              "cannot unmarshal",
		"{}":                                 "not a report",
		`{"schema":2,"id":"x"}`:              "a newer version of onsale",
		string(whole):                        "it contains run " + good.ID,
		string(whole[:len(whole)/2]):         "unexpected end",
		"\x00\xff\x1b[31m":                   "invalid character",
		`{"schema":1,"stats":{"total":[]}}`:  "cannot unmarshal",
		strings.Repeat("[", 20_000):          "exceeded max depth",
		`{"schema":1,"started":"yesterday"}`: "cannot parse",
	}
	n := 1
	for text := range damage {
		n++
		if err := os.WriteFile(filepath.Join(dir, "runs", saved(n).ID+".json"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	huge, err := os.Create(filepath.Join(dir, "runs", saved(40).ID+".json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(huge.Truncate(1<<40), huge.Close(), os.Mkdir(filepath.Join(dir, "runs", saved(41).ID+".json"), 0o700)); err != nil {
		t.Fatal(err)
	}
	// Other files are ignored.
	for _, name := range []string{"notes.txt", "baseline.json", ".new-" + saved(50).ID, ".20261122-085900-7f3a.json"} {
		if err := os.WriteFile(filepath.Join(dir, "runs", name), []byte("mine"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	runs := list(t, s)
	if len(runs) != len(damage)+3 {
		t.Fatalf("%d are listed; want %d: %+v", len(runs), len(damage)+3, runs)
	}
	var said []string
	for _, r := range runs {
		if (r.Damaged == "") != (r.ID == good.ID) {
			t.Errorf("%s is listed as %+v", r.ID, r)
		}
		said = append(said, r.Damaged)
		if _, err := s.Get(r.ID); errors.Is(err, history.ErrDamaged) != (r.Damaged != "") {
			t.Errorf("getting %s gives %v; it is listed as %q", r.ID, err, r.Damaged)
		}
	}
	for _, want := range append(slices.Collect(func(yield func(string) bool) {
		for _, want := range damage {
			if !yield(want) {
				return
			}
		}
	}), "not a regular file", "larger than 64 MiB") {
		if !slices.ContainsFunc(said, func(s string) bool { return strings.Contains(s, want) }) {
			t.Errorf("no run is listed with %q: %q", want, said)
		}
	}
	// They are the newest, but a new run is still saved.
	save(t, s, saved(59))
}

func TestTheLastFiftyStay(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := history.New(dir)
	for n := range history.Runs + 5 {
		r := saved(0)
		r.ID = history.NewID(r.Started.Add(time.Duration(n)*time.Second), rand.New(rand.NewPCG(1, 1)))
		save(t, s, r)
	}
	runs := list(t, s)
	if len(runs) != history.Runs || !strings.HasPrefix(runs[0].ID, "20261122-085954") || !strings.HasPrefix(runs[49].ID, "20261122-085905") {
		t.Fatalf("%d stayed, %s to %s", len(runs), runs[0].ID, runs[len(runs)-1].ID)
	}
	// After the clock was set back, the run just saved is the oldest, and stays.
	old := saved(0)
	old.ID = "20200101-000000-abcd"
	save(t, s, old)
	if _, err := s.Get(old.ID); err != nil {
		t.Errorf("the run just saved was removed: %v", err)
	}
	// A damaged run counts, and is removed in its turn.
	if err := os.WriteFile(filepath.Join(dir, "runs", "20190101-000000-abcd.json"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	save(t, s, saved(59))
	if runs := list(t, s); len(runs) != history.Runs || runs[len(runs)-1].Damaged != "" {
		t.Errorf("%d stayed, to %+v", len(runs), runs[len(runs)-1])
	}
}

func TestCrashLeavesNoHalfRun(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := history.New(dir)
	save(t, s, saved(1))
	half, old := filepath.Join(dir, "runs", ".new-"+saved(2).ID), filepath.Join(dir, "runs", ".new-"+saved(3).ID)
	for _, path := range []string{half, old} {
		if err := os.WriteFile(path, []byte(`{"schema":1,"id":`), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	yesterday := time.Now().Add(-24 * time.Hour)
	if err := os.Chtimes(old, yesterday, yesterday); err != nil {
		t.Fatal(err)
	}
	if runs := list(t, s); len(runs) != 1 || runs[0].Damaged != "" {
		t.Errorf("half a run is listed: %+v", runs)
	}
	save(t, s, saved(4))
	if _, err := os.Stat(old); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the file that a crash left yesterday still exists: %v", err)
	}
	if _, err := os.Stat(half); err != nil {
		t.Errorf("the file that another process is writing was removed: %v", err)
	}
	// No saved run is overwritten, and a failed save leaves nothing behind.
	other := saved(1)
	other.Host = "http://other"
	if err := s.Save(other); !errors.Is(err, history.ErrTaken) {
		t.Errorf("the same ID was saved again: %v", err)
	}
	if r, err := s.Get(saved(1).ID); err != nil || r.Host != saved(1).Host {
		t.Errorf("it is now %s, %v", r.Host, err)
	}
	files, err := os.ReadDir(filepath.Join(dir, "runs"))
	if err != nil || len(files) != 3 {
		t.Errorf("there are %v, %v", files, err)
	}
}

func TestUnwritableDirectory(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s := history.New(file)
	if err := s.Save(saved(1)); err == nil || !strings.Contains(err.Error(), "save run "+saved(1).ID) {
		t.Errorf("saving below a file gives %v", err)
	}
	if _, err := s.List(); err == nil {
		t.Error("listing below a file gives no error")
	}
}

// Many goroutines save, list, get and so remove at once, like processes do: none reads
// half a run, and none of the newest is lost.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	const savers, each = 8, 20
	var wg sync.WaitGroup
	taken := make(chan error, savers)
	for saver := range savers {
		wg.Go(func() {
			s := history.New(dir)
			for n := range each {
				r := saved(n)
				r.ID = fmt.Sprintf("20261122-0900%02d-%04x", n, saver)
				if err := s.Save(r); err != nil {
					t.Error(err)
				}
				runs, err := s.List()
				if err != nil {
					t.Error(err)
				}
				for _, r := range runs {
					if r.Damaged != "" {
						t.Errorf("%s is seen as %s", r.ID, r.Damaged)
					}
				}
				if r, err := s.Get("last"); err != nil && !errors.Is(err, history.ErrNotFound) || err == nil && r.Stats.Duration != 60 {
					t.Errorf("the last is %v, %v", r.Stats.Duration, err)
				}
			}
			// All of them want this one name.
			r := saved(0)
			r.ID = "20261122-095900-0000"
			taken <- s.Save(r)
		})
	}
	wg.Wait()
	close(taken)
	won := 0
	for err := range taken {
		if err == nil {
			won++
		} else if !errors.Is(err, history.ErrTaken) {
			t.Error(err)
		}
	}
	if won != 1 {
		t.Errorf("%d saved a run of the same ID", won)
	}
	runs := list(t, history.New(dir))
	if len(runs) != history.Runs {
		t.Errorf("%d runs stayed", len(runs))
	}
	// The last five seconds had 40 runs, which are all among the newest 50.
	for n := each - 5; n < each; n++ {
		for saver := range savers {
			id := fmt.Sprintf("20261122-0900%02d-%04x", n, saver)
			if !slices.ContainsFunc(runs, func(r history.Summary) bool { return r.ID == id }) {
				t.Errorf("%s is lost", id)
			}
		}
	}
}
