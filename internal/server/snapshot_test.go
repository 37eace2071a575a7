package server_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"onsale/internal/sale"
	"onsale/internal/server"
)

// A snapshot is read once and shared by all requests for a quarter of a second.
func TestSnapshotIsShared(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.concert(t, 10)
		for range 100 {
			ids(t, r.do("GET", "/concerts", ""), 1)
		}
		if r.lists != 1 {
			t.Errorf("read %d times", r.lists)
		}
		r.add(1, 5)
		time.Sleep(250 * time.Millisecond)
		if got := sold(t, r); got != 0 || r.lists != 1 {
			t.Errorf("after 250 ms: sold %d, read %d times", got, r.lists)
		}
		time.Sleep(time.Millisecond)
		if got := sold(t, r); got != 5 || r.lists != 2 {
			t.Errorf("after 251 ms: sold %d, read %d times", got, r.lists)
		}
		time.Sleep(time.Hour)
		if r.lists != 2 {
			t.Errorf("read %d times without requests", r.lists)
		}
	})
}

// Requests during a refresh share it, even if it is slow.
func TestSnapshotSingleFlight(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.concert(t, 10)
		r.hook(func(context.Context, string) error {
			time.Sleep(400 * time.Millisecond) // longer than a snapshot is fresh
			return nil
		})
		var all sync.WaitGroup
		for i := range 100 {
			all.Go(func() {
				time.Sleep(time.Duration(i) * time.Millisecond)
				w := r.do("GET", "/concerts", "")
				ids(t, w, 1)
				wantHeader(t, w, "Age", "")
			})
		}
		all.Wait()
		if r.lists != 1 {
			t.Errorf("read %d times", r.lists)
		}
	})
}

// A new concert is in the list at once, even if a refresh began before its creation.
func TestSnapshotAfterCreate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.concert(t, 10)
		ids(t, r.do("GET", "/concerts", ""), 1)
		create := func() {
			if w := r.do("POST", "/concerts/new", `{"title":"t","date":"d","venue":"v","number_of_tickets":1}`); w.Code != 200 {
				t.Errorf("%d %s", w.Code, w.Body)
			}
		}
		create()
		ids(t, r.do("GET", "/concerts", ""), 1, 2)

		time.Sleep(time.Second)
		var slow sync.Once
		r.linger = func() { slow.Do(func() { time.Sleep(100 * time.Millisecond) }) }
		old := make(chan *httptest.ResponseRecorder)
		go func() { old <- r.do("GET", "/concerts", "") }()
		synctest.Wait() // the slow refresh has read two concerts
		create()
		ids(t, r.do("GET", "/concerts", ""), 1, 2, 3)
		if w := <-old; w.Code != 200 {
			t.Errorf("the request before the creation: %d %s", w.Code, w.Body)
		}
	})
}

// A new concert is in the list at once, even if a refresh has just failed.
func TestSnapshotAfterCreateAndFailure(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.concert(t, 10)
		ids(t, r.do("GET", "/concerts", ""), 1)
		time.Sleep(time.Second)
		r.hook(func(context.Context, string) error { return sale.ErrUnavailable })
		wantHeader(t, r.do("GET", "/concerts", ""), "Age", "1")
		r.hook(nil)
		wantHeader(t, r.do("GET", "/concerts", ""), "Age", "1") // the pause after a failure
		if w := r.do("POST", "/concerts/new", `{"title":"t","date":"d","venue":"v","number_of_tickets":1}`); w.Code != 200 {
			t.Fatal(w.Body)
		}
		ids(t, r.do("GET", "/concerts", ""), 1, 2)
	})
}

// Without the database, the last snapshot is served with its age for a minute, then 503.
// The list is available again as soon as the database is.
func TestSnapshotWithoutDatabase(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.concert(t, 10)
		ids(t, r.do("GET", "/concerts", ""), 1)
		var tries atomic.Int32
		r.hook(func(context.Context, string) error {
			tries.Add(1)
			return fmt.Errorf("dial: %w", sale.ErrUnavailable)
		})
		time.Sleep(10 * time.Second)
		for range 100 {
			w := r.do("GET", "/concerts", "")
			ids(t, w, 1)
			wantHeader(t, w, "Age", "10")
		}
		if got := tries.Load(); got != 1 {
			t.Errorf("%d calls of the database for simultaneous requests, want 1", got)
		}
		time.Sleep(49*time.Second + 900*time.Millisecond)
		ids(t, r.do("GET", "/concerts", ""), 1)
		time.Sleep(300 * time.Millisecond)
		w := r.do("GET", "/concerts", "")
		wantProblem(t, w, 503, "unavailable")
		wantHeader(t, w, "Retry-After", "1")

		r.hook(nil)
		time.Sleep(250 * time.Millisecond)
		w = r.do("GET", "/concerts", "")
		ids(t, w, 1)
		wantHeader(t, w, "Age", "")
		if got := strings.Count(r.log.String(), "concerts cannot be refreshed"); got != 1 {
			t.Errorf("logged %d times", got)
		}
	})
}

// Without a first snapshot the answer is 503.
func TestSnapshotNeverRead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.hook(func(context.Context, string) error { return errors.New("surprise") })
		wantProblem(t, r.do("GET", "/concerts", ""), 503, "unavailable")
	})
}

// While the database hangs, the first request waits for a second and later ones not at all.
func TestSnapshotWhileDatabaseHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.concert(t, 10)
		ids(t, r.do("GET", "/concerts", ""), 1)
		r.hook(func(ctx context.Context, _ string) error {
			<-ctx.Done()
			return ctx.Err()
		})
		time.Sleep(10 * time.Second)
		for _, limit := range []time.Duration{time.Second, 0, 0} {
			start := time.Now()
			ids(t, r.do("GET", "/concerts", ""), 1)
			if took := time.Since(start); took != limit {
				t.Errorf("took %v, want %v", took, limit)
			}
		}
		time.Sleep(5 * time.Second) // until the refresh has given up
	})
}

// A client that disconnects while it waits is counted as 499.
func TestSnapshotHungUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.hook(func(context.Context, string) error {
			time.Sleep(500 * time.Millisecond)
			return nil
		})
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		w := httptest.NewRecorder()
		r.handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/concerts", nil).WithContext(ctx))
		if w.Code != 499 {
			t.Errorf("status %d", w.Code)
		}
		time.Sleep(time.Second)
	})
}

// Every page has the right part of the list, the right Link and its own ETag.
func TestSnapshotPages(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	want(t, r.do("GET", "/concerts", ""), 200, "[]")
	want(t, r.do("GET", "/concerts?limit=5", ""), 200, "[]")
	want(t, r.do("GET", "/concerts?after=5", ""), 200, "[]")
	for range 10 {
		if w := r.do("POST", "/concerts/new", `{"title":"t","date":"d","venue":"v","number_of_tickets":1}`); w.Code != 200 {
			t.Fatal(w.Body)
		}
	}
	delete(r.concerts, 4) // ids have gaps
	if w := r.do("POST", "/concerts/new", `{"title":"t","date":"d","venue":"v","number_of_tickets":1}`); w.Code != 200 {
		t.Fatal(w.Body)
	}
	all := []int64{1, 2, 3, 5, 6, 7, 8, 9, 10}
	etags := map[string]string{}
	for limit := range 12 {
		for after := range int64(13) {
			path := fmt.Sprintf("/concerts?after=%d", after)
			if limit > 0 {
				path += fmt.Sprintf("&limit=%d", limit)
			}
			rest := all[sortedIndex(all, after):]
			page := rest
			if limit > 0 {
				page = rest[:min(limit, len(rest))]
			}
			w := r.do("GET", path, "")
			ids(t, w, page...)
			link := ""
			if len(page) < len(rest) {
				link = fmt.Sprintf(`</concerts?after=%d&limit=%d>; rel="next"`, page[len(page)-1], limit)
			}
			wantHeader(t, w, "Link", link)
			if other, ok := etags[w.Header().Get("ETag")]; ok && other != w.Body.String() {
				t.Errorf("%s: two lists have one ETag", path)
			}
			etags[w.Header().Get("ETag")] = w.Body.String()
		}
	}
}

// A client that has the current list gets 304 instead of the list.
func TestSnapshotETag(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.concert(t, 10)
		first := r.do("GET", "/concerts", "")
		etag := first.Header().Get("ETag")
		if len(etag) < 10 || etag[0] != '"' {
			t.Fatalf("ETag %q", etag)
		}
		for _, header := range []string{etag, "W/" + etag, `"other", ` + etag, "*"} {
			w := r.do("GET", "/concerts", "", "If-None-Match: "+header)
			want(t, w, 304, "")
			wantHeader(t, w, "ETag", etag)
		}
		want(t, r.do("GET", "/concerts", "", `If-None-Match: "other"`), 200, strings.TrimSpace(first.Body.String()))
		time.Sleep(time.Second)
		want(t, r.do("GET", "/concerts", "", "If-None-Match: "+etag), 304, "") // nothing was sold
		r.add(1, 1)
		time.Sleep(time.Second)
		if w := r.do("GET", "/concerts", "", "If-None-Match: "+etag); w.Code != 200 || w.Header().Get("ETag") == etag {
			t.Errorf("after a sale: %d, ETag %s", w.Code, w.Header().Get("ETag"))
		}
	})
}

// ids checks that an answer lists exactly the concerts with these ids.
func ids(t *testing.T, w *httptest.ResponseRecorder, want ...int64) {
	t.Helper()
	var list []server.Concert
	if err := json.Unmarshal(w.Body.Bytes(), &list); err != nil || w.Code != 200 {
		t.Errorf("%d %s", w.Code, w.Body)
		return
	}
	var got []int64
	for _, c := range list {
		got = append(got, c.ID)
	}
	if !slices.Equal(got, want) {
		t.Errorf("concerts %v, want %v", got, want)
	}
}

// sold returns the number of tickets sold of the first concert in the list.
func sold(t *testing.T, r *rig) int64 {
	t.Helper()
	var list []server.Concert
	if err := json.Unmarshal(r.do("GET", "/concerts", "").Body.Bytes(), &list); err != nil || len(list) == 0 {
		t.Fatalf("%v, %d concerts", err, len(list))
	}
	return list[0].Sold
}

// sortedIndex returns the number of sorted ids that are not greater than after.
func sortedIndex(all []int64, after int64) int {
	n := 0
	for n < len(all) && all[n] <= after {
		n++
	}
	return n
}
