package stress_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"onsale/internal/stress"
	"onsale/internal/stress/stats"
	"onsale/internal/stress/wire"
)

// TestFailuresHaveAnExample: each kind of failure has an excerpt of its first answer,
// without the secrets of the request.
func TestFailuresHaveAnExample(t *testing.T) {
	t.Parallel()
	answers := map[string]struct {
		status     int
		body, want string
	}{
		"/plain":  {500, "boom: the disk is full\n", "boom: the disk is full"},
		"/json":   {503, `{"error":"no room"}`, "no room"},
		"/page":   {502, "<html><head><title>502 Bad Gateway</title></head></html>", "502 Bad Gateway"},
		"/echo":   {401, "token SECRET-token of Cookie a=SECRET-cookie is wrong", "token *** of Cookie *** is wrong"},
		"/empty":  {500, "", ""},
		"/query":  {404, "Cannot GET /query?key=SECRET-key, only ?key=known", "Cannot GET /query?***, only ?key=known"},
		"/file":   {500, "SECRET-account", ""}, // a private call
		"/wanted": {200, "SECRET-account", ""}, // the check of an answer with status 200 fails
	}
	asked := make(map[string]int)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a := answers[r.URL.Path]
		asked[r.URL.Path]++ // one user, one request at a time
		w.WriteHeader(a.status)
		fmt.Fprint(w, strings.Replace(a.body, "boom", fmt.Sprint("boom", strings.Repeat("!", asked[r.URL.Path]-1)), 1))
	}))
	defer server.Close()
	header := []wire.Field{{Name: "Authorization", Value: "Bearer SECRET-token"}, {Name: "Cookie", Value: "a=SECRET-cookie"}, {Name: "Accept", Value: "no room"}}
	kind := stress.Kind{Name: "all", Weight: 1, Wait: stress.Pacing(time.Millisecond), Join: func(u *stress.User) stress.Part {
		return stress.Part{Tasks: []stress.Task{{Weight: 1, Do: func(ctx context.Context) {
			for path := range answers {
				call := &stress.Call{Request: wire.Request{Method: "GET", Path: path, Header: header}, Private: path == "/file"}
				if path == "/query" {
					call.Request.Path += "?key=SECRET-key"
				}
				if path == "/wanted" {
					call.Judge = func(*wire.Response) stats.Outcome {
						return stats.Outcome{Class: stats.Failed, Kind: stats.KindCheck, Detail: "want more"}
					}
				}
				u.Do(ctx, call)
			}
		}}}}
	}}
	s, _ := run(t, server.URL, users(1), 300*time.Millisecond, kind)
	seen := 0
	for _, f := range s.Failures {
		if f.Kind == stats.KindCutOff {
			continue
		}
		seen++
		if want := answers[f.Name].want; f.Example != want || f.Count < 2 {
			t.Errorf("%s failed %d times, first with %q, want %q", f.Name, f.Count, f.Example, want)
		}
	}
	if seen != len(answers) {
		t.Errorf("%d kinds of failures, want %d: %+v", seen, len(answers), s.Failures)
	}
}

// TestExamplesAreBounded: a target that makes up kinds without end has a few examples,
// and a reset discards those of a warm-up.
func TestExamplesAreBounded(t *testing.T) {
	t.Parallel()
	r := stats.New(stats.Options{Start: time.Now()})
	e := r.Entry("GET", "/")
	wanted := func() (n int) {
		for i := range 1000 {
			for range 2 {
				if e.WantsExample("status", fmt.Sprint(i)) {
					n++
				}
			}
		}
		return n
	}
	if n := wanted(); n < 1 || n > 100 {
		t.Errorf("%d examples are wanted", n)
	}
	if n := wanted(); n != 0 {
		t.Errorf("%d more examples are wanted", n)
	}
	r.Reset(time.Now())
	if n := wanted(); n < 1 {
		t.Errorf("%d examples are wanted after a reset", n)
	}
}
