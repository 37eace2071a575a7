package scenariofile_test

import (
	"fmt"
	"net/http"
	"testing"

	"onsale/internal/app/apptest"
	"onsale/internal/fault"
	"onsale/internal/sale"
)

// onsale starts the real server with SQLite, without injected faults,
// and with three concerts, two of which have few tickets.
func onsale(t *testing.T) *server {
	t.Helper()
	url := apptest.Serve(t, fault.Off())
	c := apptest.Admin(t, url)
	for _, capacity := range []int64{2, 1000, 2} {
		if _, err := c.CreateConcert(t.Context(), sale.NewConcert{Title: "Night", Date: "tonight", Venue: "Hall", Capacity: capacity}); err != nil {
			t.Fatal(err)
		}
	}
	s := &server{}
	s.Server = serve(t, func(http.ResponseWriter, *http.Request) {}).Server
	s.URL = url
	return s
}

// TestExamplesRun runs the example files of the documentation against the real server.
func TestExamplesRun(t *testing.T) {
	t.Parallel()
	all := examples(t)
	for _, c := range []struct {
		file     string
		users    int
		tasks    int
		business string
		want     []string
	}{
		{"tickets.yaml", 8, 200, "sold_out", []string{"GET /concerts", "POST /buy/[id]"}},
		{"items.yaml", 4, 40, "not_found", []string{"POST /api/token", "POST /api/items", "DELETE /api/items/[item_id]", "DELETE /api/items/[uuid]"}},
	} {
		t.Run(c.file, func(t *testing.T) {
			t.Parallel()
			text := hurried(all[c.file])
			s := load(t, text, all, nil)
			if len(s.Warnings) > 0 || s.Summary == "" || s.Host != "http://127.0.0.1:8000" {
				t.Errorf("got %+v", s)
			}
			got := run(t, s, onsale(t), play{users: c.users, tasks: c.tasks, seed: 1})
			counts := map[string]int64{}
			for _, e := range got.Entries {
				counts[e.Method+" "+e.Name] = e.Requests
			}
			for _, name := range c.want {
				if counts[name] == 0 {
					t.Errorf("no request is named %s: %v", name, counts)
				}
			}
			if got.Total.Failures != 0 || len(counts) != len(c.want) || got.Total.Business[c.business] == 0 {
				t.Errorf("business %v, entries %v, failed:\n%s", got.Total.Business, counts, failures(got))
			}
		})
	}
}

// TestExamplesFindFailures is the negative control of TestExamplesRun: against a server that answers
// every request with an empty object, the examples fail.
func TestExamplesFindFailures(t *testing.T) {
	t.Parallel()
	all := examples(t)
	on := serve(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `[{"id":1}]`) })
	got := run(t, load(t, hurried(all["tickets.yaml"]), all, nil), on, play{users: 4, tasks: 8})
	want := "GET /concerts: check: want header Content-Type to contain \"application/json\"\nPOST /buy/[id]: check: want \"success\" at $.status"
	if failures(got) != want {
		t.Errorf("failed:\n%s", failures(got))
	}
}
