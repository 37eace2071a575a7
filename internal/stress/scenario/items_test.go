package scenario_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// storeroom is a fake items API. A token is valid for a number of calls.
type storeroom struct {
	*target

	mu       sync.Mutex
	lifetime int
	tokens   map[string]int // the remaining calls of each token
	items    map[string]string
	made     int
	// meddle changes an answer.
	meddle func(r request, status int, body string) (int, string)
}

func newStoreroom(lifetime int) *storeroom {
	s := &storeroom{lifetime: lifetime, tokens: map[string]int{}, items: map[string]string{}}
	s.target = &target{answer: func(r request) (int, string) {
		s.mu.Lock()
		defer s.mu.Unlock()
		status, body := s.serve(r)
		if s.meddle != nil {
			return s.meddle(r, status, body)
		}
		return status, body
	}}
	return s
}

func (s *storeroom) serve(r request) (int, string) {
	user := r.header["User-ID"]
	if r.path == "/api/token" {
		s.made++
		token := fmt.Sprintf("%s.%d", user, s.made)
		s.tokens[token] = s.lifetime
		return 200, `{"token":"` + token + `"}`
	}
	token := r.header["Token"]
	if !strings.HasPrefix(token, user+".") || s.tokens[token] <= 0 {
		return 403, `{"error":"Unauthorized"}`
	}
	s.tokens[token]--
	if r.method == "POST" {
		s.made++
		id := fmt.Sprintf("a b/%d", s.made) // opaque, and must be escaped in a path
		s.items["/api/items/"+strings.ReplaceAll(strings.ReplaceAll(id, " ", "%20"), "/", "%2F")] = user
		return 201, `{"status":"item created","item_id":"` + strings.ReplaceAll(id, "/", `\/`) + `"}`
	}
	if s.items[r.path] != user {
		return 404, `{"error":"Item not found"}`
	}
	delete(s.items, r.path)
	return 200, `{"status": "item deleted"}`
}

// TestItems: every user has its own token, creates and deletes items, gets a new
// token after the old one has expired, and deletes all its items at the end.
func TestItems(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStoreroom(20)
		const users = 20
		got := run(t, instance(t, "items"), s.connect, users, 5*time.Minute)
		created, removed, expired := s.count("POST /api/items"), s.count("DELETE"), got.Total.Business["token_expired"]
		if got.Total.Failures != 0 || len(s.items) != 0 {
			t.Errorf("%d items are left, %+v", len(s.items), got.Failures)
		}
		if created < 1000 || created > 2000 || removed < 1000 || expired < 100 || s.count("POST /api/token") != users+int(expired) {
			t.Errorf("%d created, %d deleted, %d tokens expired", created, removed, expired)
		}
		names := map[string]bool{}
		for _, r := range s.requests() {
			names[r.header["User-ID"]] = true
		}
		if len(names) != users || !names["stress-1"] || !names["stress-20"] {
			t.Errorf("users %v", names)
		}
	})
}

// TestFailuresOfTheItemsAPI: each has its own outcome, and the items
// are still deleted if that is possible.
func TestFailuresOfTheItemsAPI(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		on     string // the method of the requests that fail
		status int
		body   string
		want   string
	}{
		"no token":         {"POST /api/token", 200, `{}`, "check: the answer has no token"},
		"tokens refused":   {"POST /api/items", 403, `{"code":"unauthorized"}`, "status: status 403 unauthorized"},
		"no id":            {"POST /api/items", 201, `{"status":"item created"}`, "check: the answer has no item_id"},
		"other status":     {"POST /api/items", 200, `{"item_id":"x"}`, "status: status 200"},
		"not deleted":      {"DELETE", 200, `{}`, "check: the answer does not confirm that the item was deleted"},
		"deletion refused": {"DELETE", 500, `{"code":"injected"}`, "status: status 500 injected"},
		"vanished":         {"DELETE", 404, `{"error":"Item not found"}`, "status: status 404"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newStoreroom(1 << 30)
				s.meddle = func(r request, status int, body string) (int, string) {
					if strings.HasPrefix(r.method+" "+r.path, c.on) {
						return c.status, c.body
					}
					return status, body
				}
				got := run(t, instance(t, "items"), s.connect, 3, time.Minute)
				if len(got.Failures) != 1 || got.Failures[0].Kind+": "+got.Failures[0].Detail != c.want || int(got.Failures[0].Count) != s.count(c.on) {
					t.Errorf("failures %+v, want %q", got.Failures, c.want)
				}
				if n := len(got.Total.Business); n != 0 {
					t.Errorf("business %+v", got.Total.Business)
				}
			})
		})
	}
}

// TestADeletionWhoseAnswerWasLost does not fail a second time: the item is deleted.
func TestADeletionWhoseAnswerWasLost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, n := newStoreroom(1<<30), 0
		s.meddle = func(r request, status int, body string) (int, string) {
			if r.method == "DELETE" && status == 200 {
				if n++; n%3 == 0 {
					return lost, ""
				}
			}
			return status, body
		}
		got := run(t, instance(t, "items"), s.connect, 5, time.Minute)
		for _, f := range got.Failures {
			if f.Kind != "closed" {
				t.Errorf("failure %+v", f)
			}
		}
		if len(got.Failures) != 1 || len(s.items) > 0 {
			t.Errorf("failures %+v, %d items left", got.Failures, len(s.items))
		}
	})
}
