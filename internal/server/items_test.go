package server_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"onsale/internal/fault"
	"onsale/internal/item"
	"onsale/internal/sale"
	"onsale/internal/server"
)

// token requests a token from the API.
func (r *rig) token(tb testing.TB, user string) string {
	tb.Helper()
	w := r.do("POST", "/api/token", "", "User-ID: "+user)
	token, ok := object(tb, w)["token"].(string)
	if w.Code != 200 || !ok {
		tb.Fatalf("token for %q: %d %s", user, w.Code, w.Body)
	}
	return token
}

// item creates an item with the API and returns its id.
func (r *rig) item(tb testing.TB, token string) string {
	tb.Helper()
	w := r.do("POST", "/api/items", `{"name":"a thing"}`, "Token: "+token)
	id, ok := object(tb, w)["item_id"].(string)
	if w.Code != 201 || !ok {
		tb.Fatalf("create item: %d %s", w.Code, w.Body)
	}
	return id
}

// wantItemProblem is wantProblem for item calls, whose earlier clients read the member
// error.
func wantItemProblem(tb testing.TB, w *httptest.ResponseRecorder, status int, code, text string) server.Problem {
	tb.Helper()
	p := wantProblem(tb, w, status, code)
	if got := object(tb, w)["error"]; got != text || p.Message != text {
		tb.Errorf("error %q, message %q, want %q", got, p.Message, text)
	}
	return p
}

// The calls of the contract, as a client of the earlier service makes them: with only a
// token.
func TestItemContract(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	w := r.do("POST", "/api/token", "")
	got := object(t, w)
	token, _ := got["token"].(string)
	if w.Code != 200 || len(got) != 1 || token == "" {
		t.Fatalf("token: %d %s", w.Code, w.Body)
	}
	wantHeader(t, w, "Cache-Control", "no-store")
	wantHeader(t, w, "Content-Type", "application/json")

	w = r.do("POST", "/api/items", "", "Token: "+token)
	id, _ := object(t, w)["item_id"].(string)
	want(t, w, 201, fmt.Sprintf(`{"status":"item created","item_id":%q}`, id))
	wantHeader(t, w, "Content-Type", "application/json")
	if users := r.items.users(); id == "" || !slices.Equal(users, []string{"guest"}) {
		t.Errorf("id %q, items of %q, want one of guest", id, users)
	}

	want(t, r.do("DELETE", "/api/items/"+id, "", "Token: "+token), 200, `{"status":"item deleted"}`)
	wantItemProblem(t, r.do("DELETE", "/api/items/"+id, "", "Token: "+token), 404, "not_found", "Item not found")
	wantItemProblem(t, r.do("POST", "/api/items", ""), 403, "unauthorized", "Unauthorized")
	if users := r.items.users(); len(users) != 0 {
		t.Errorf("items of %q are left", users)
	}
}

// A User-ID is accepted if it is the token's user.
func TestItemUsers(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, user := range []string{"ada", "Zoë", "a b", `"quoted" \ <b>`, strings.Repeat("x", item.MaxUserLength)} {
		token := r.token(t, user)
		for _, headers := range [][]string{{"Token: " + token}, {"Token: " + token, "User-ID: " + user}, {"Token: " + token, "User-ID: "}} {
			w := r.do("POST", "/api/items", "", headers...)
			id, _ := object(t, w)["item_id"].(string)
			if users := r.items.users(); w.Code != 201 || !slices.Equal(users, []string{user}) {
				t.Errorf("%q: %d %s, items of %q", headers[1:], w.Code, w.Body, users)
			}
			if w := r.do("DELETE", "/api/items/"+id, "", headers...); w.Code != 200 {
				t.Errorf("%q: %d %s", headers[1:], w.Code, w.Body)
			}
		}
	}
	want := r.do("POST", "/api/token", "", "User-ID: ")
	if user, err := r.tokens.Check(object(t, want)["token"].(string), ""); err != nil || user != item.DefaultUser {
		t.Errorf("an empty User-ID gets the token of %q, %v", user, err)
	}
}

// The answer for another user's item equals that for an item that does not exist, byte for
// byte.
func TestAnotherUsersItem(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	id := r.item(t, r.token(t, "ada"))
	bob := "Token: " + r.token(t, "bob")
	hers := r.do("DELETE", "/api/items/"+id, "", bob)
	wantItemProblem(t, hers, 404, "not_found", "Item not found")
	if nobodys := r.do("DELETE", "/api/items/01890a5d-ac96-774b-bcce-b302099a8057", "", bob); nobodys.Body.String() != hers.Body.String() {
		t.Errorf("ada's item: %s\nnobody's: %s", hers.Body, nobodys.Body)
	}
	if users := r.items.users(); !slices.Equal(users, []string{"ada"}) {
		t.Errorf("items of %q are left, want ada's", users)
	}
}

// badTokens returns headers of requests that must all get the same rejection.
func badTokens(t *testing.T, r *rig) map[string][]string {
	t.Helper()
	good := r.token(t, "ada")
	other := item.NewIssuer(time.Hour, time.Now)
	if err := other.SetKey([]byte("the key of another server")); err != nil {
		t.Fatal(err)
	}
	old := item.NewIssuer(time.Hour, func() time.Time { return time.Now().Add(-time.Hour - time.Second) })
	if err := old.SetKey([]byte(tokenKey)); err != nil {
		t.Fatal(err)
	}
	issue := func(i *item.Issuer) string {
		token, err := i.Issue("ada")
		if err != nil {
			t.Fatal(err)
		}
		return "Token: " + token
	}
	list := map[string][]string{
		"none":                 nil,
		"empty":                {"Token: "},
		"what once sufficed":   {"Token: anything"},
		"of another server":    {issue(other)},
		"expired":              {issue(old)},
		"of another user":      {"Token: " + good, "User-ID: bob"},
		"of the user in caps":  {"Token: " + good, "User-ID: ADA"},
		"twice":                {"Token: " + good, "Token: " + good},
		"after another":        {"Token: x", "Token: " + good},
		"padded":               {"Token: " + good + "="},
		"with a space":         {"Token:  " + good + " "},
		"as a bearer":          {"Token: Bearer " + good},
		"in Authorization":     {"Authorization: Bearer " + good},
		"control characters":   {"Token: \x00\x01\n"},
		"64 kB":                {"Token: " + strings.Repeat("A", 64<<10)},
		"bad, and a bad user":  {"Token: x", "User-ID: \x00"},
		"none, and a bad user": {"User-ID: " + strings.Repeat("x", 64<<10)},
	}
	raw, err := base64.RawURLEncoding.DecodeString(good)
	if err != nil {
		t.Fatal(err)
	}
	for _, bit := range []int{0, 8, 70, 75, 100, 8*len(raw) - 1} {
		flipped := slices.Clone(raw)
		flipped[bit/8] ^= 1 << (bit % 8)
		list[fmt.Sprintf("with bit %d flipped", bit)] = []string{"Token: " + base64.RawURLEncoding.EncodeToString(flipped)}
	}
	return list
}

// Every bad token gets the same answer, including headers, before any fault is injected
// and the store is called.
func TestBadTokensAreRejectedAlike(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	id := r.item(t, r.token(t, "ada"))
	bad := badTokens(t, r)
	r.faults.asked = nil
	r.items.hook(func(_ context.Context, call string) error {
		t.Errorf("%s was called", call)
		return nil
	})
	first := r.do("POST", "/api/items", "")
	wantItemProblem(t, first, 403, "unauthorized", "Unauthorized")
	for name, headers := range bad {
		for _, w := range []*httptest.ResponseRecorder{
			r.do("POST", "/api/items", "body", headers...),
			r.do("POST", "/api/items", strings.Repeat("x", 2<<20), headers...),
			r.do("DELETE", "/api/items/"+id, "", headers...),
			r.do("DELETE", "/api/items/%00", "", headers...),
		} {
			if w.Code != first.Code || w.Body.String() != first.Body.String() || !maps.EqualFunc(w.Header(), first.Header(), slices.Equal) {
				t.Errorf("%s: %d %v %s\nwant %v %s", name, w.Code, w.Header(), w.Body, first.Header(), first.Body)
			}
		}
	}
	if len(r.faults.asked) != 0 {
		t.Errorf("faults were injected for %q", r.faults.asked)
	}
}

// A token is valid for its life and not a second longer.
func TestTokenExpires(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		token := r.token(t, "ada")
		time.Sleep(time.Hour - time.Second)
		r.item(t, token)
		time.Sleep(time.Second)
		wantItemProblem(t, r.do("POST", "/api/items", "", "Token: "+token), 403, "unauthorized", "Unauthorized")
		r.item(t, r.token(t, "ada"))
	})
}

// Before the server has the key, item calls get 503, so that clients retry.
func TestItemsBeforeTheKey(t *testing.T) {
	t.Parallel()
	keyless := item.NewIssuer(time.Hour, time.Now)
	r := newRig(t, func(o *server.Options) { o.Tokens = keyless })
	good, err := r.tokens.Issue("ada")
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range []*httptest.ResponseRecorder{
		r.do("POST", "/api/token", ""),
		r.do("POST", "/api/items", "", "Token: "+good),
		r.do("POST", "/api/items", ""),
		r.do("DELETE", "/api/items/x", "", "Token: "+good),
	} {
		wantItemProblem(t, w, 503, "unavailable", "Database unavailable")
		wantHeader(t, w, "Retry-After", "1")
	}
	if err := keyless.SetKey([]byte(tokenKey)); err != nil {
		t.Fatal(err)
	}
	r.item(t, good)
}

// Faults are injected into each of the three calls under its own route, after validation
// and before anything is written.
func TestItemFaults(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	token := "Token: " + r.token(t, "ada")
	r.faults.asked = nil
	r.faults.route = func(context.Context, string) error { return fault.ErrInjected }
	r.items.hook(func(_ context.Context, call string) error {
		t.Errorf("%s was called", call)
		return nil
	})
	for _, w := range []*httptest.ResponseRecorder{
		r.do("POST", "/api/token", "", "User-ID: \x00"),
		r.do("POST", "/api/items", "", token, "User-ID: \x00"),
		r.do("POST", "/api/items", strings.Repeat("x", 2<<20), token),
		r.do("DELETE", "/api/items/x", "", token, "User-ID: \x00"),
	} {
		if w.Code != 422 && w.Code != 413 || len(r.faults.asked) != 0 {
			t.Errorf("%d %s, and faults were injected for %q", w.Code, w.Body, r.faults.asked)
		}
	}
	for _, w := range []*httptest.ResponseRecorder{
		r.do("POST", "/api/token", ""), r.do("POST", "/api/items", "", token), r.do("DELETE", "/api/items/x", "", token),
	} {
		wantItemProblem(t, w, 500, "injected", "Injected fault")
	}
	if want := []string{"/api/token", "/api/items", "/api/items/{item_id}"}; !slices.Equal(r.faults.asked, want) {
		t.Errorf("faults were injected for %q, want %q", r.faults.asked, want)
	}
}

// The default plan delays only the creation of items, by 0.1 to 0.5 s.
func TestDefaultPlanDelaysCreating(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		if _, err := r.faults.Set(t.Context(), fault.Default()); err != nil {
			t.Fatal(err)
		}
		took := func(call func()) time.Duration {
			start := time.Now()
			call()
			return time.Since(start)
		}
		var token, id string
		if d := took(func() { token = r.token(t, "ada") }); d != 0 {
			t.Errorf("a token takes %s", d)
		}
		for range 20 {
			if d := took(func() { id = r.item(t, token) }); d < 100*time.Millisecond || d > 500*time.Millisecond {
				t.Errorf("creating takes %s", d)
			}
		}
		if d := took(func() { r.do("DELETE", "/api/items/"+id, "", "Token: "+token) }); d != 0 {
			t.Errorf("deleting takes %s", d)
		}
	})
}

// Errors of the store get the same problems as on all other calls.
func TestItemStoreErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err     error
		status  int
		code    string
		text    string
		retried string
	}{
		{sale.ErrUnavailable, 503, "unavailable", "Database unavailable", "1"},
		{context.DeadlineExceeded, 503, "unavailable", "Database unavailable", "1"},
		{sale.ErrOutcomeUnknown, 503, "outcome_unknown", "Outcome unknown", "1"},
		{sale.ErrConflict, 503, "busy", "Busy", "1"},
		{sale.ErrRefused, 422, "refused", "Rejected by the database", ""},
		{fault.ErrInjected, 500, "injected", "Injected fault", ""},
		{errors.New("surprise"), 500, "internal", "Internal error", ""},
	} {
		r := newRig(t)
		token := "Token: " + r.token(t, "ada")
		r.items.hook(func(context.Context, string) error { return fmt.Errorf("write: %w: password=hunter3", c.err) })
		for _, w := range []*httptest.ResponseRecorder{r.do("POST", "/api/items", "", token), r.do("DELETE", "/api/items/x", "", token)} {
			wantItemProblem(t, w, c.status, c.code, c.text)
			wantHeader(t, w, "Retry-After", c.retried)
			wantHeader(t, w, "Location", "")
			if strings.Contains(w.Body.String(), "hunter3") {
				t.Errorf("the answer has a secret: %s", w.Body)
			}
		}
	}
}

// While the database hangs, item calls are answered 503 within their time limit.
func TestItemLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		token := "Token: " + r.token(t, "ada")
		r.items.hook(func(ctx context.Context, _ string) error {
			<-ctx.Done()
			return ctx.Err()
		})
		for _, call := range [][2]string{{"POST", "/api/items"}, {"DELETE", "/api/items/x"}} {
			start := time.Now()
			wantItemProblem(t, r.do(call[0], call[1], "", token), 503, "unavailable", "Database unavailable")
			if took := time.Since(start); took > 5*time.Second {
				t.Errorf("%s took %s", call[0], took)
			}
		}
	})
}

// All problems of item calls have the member error, and no others do.
func TestErrorMemberOnItemCallsOnly(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	wantItemProblem(t, r.do("GET", "/api/items", ""), 405, "method_not_allowed", "Method not allowed")
	wantItemProblem(t, r.do("PUT", "/api/items/x", ""), 405, "method_not_allowed", "Method not allowed")
	wantItemProblem(t, r.do("GET", "/api/token", ""), 405, "method_not_allowed", "Method not allowed")
	wantItemProblem(t, r.do("DELETE", "/api/items/x/y", ""), 404, "not_found", "No such path")
	wantItemProblem(t, r.do("POST", "/api/items", "", "Origin: http://evil.example", "Sec-Fetch-Site: cross-site"), 403, "cross_origin", "Cross-origin request rejected")
	for _, w := range []*httptest.ResponseRecorder{
		r.do("POST", "/buy/1", "{}"), r.do("GET", "/concerts/7", ""), r.do("GET", "/nothing", ""), r.do("GET", "/api/itemsx", ""),
	} {
		if _, there := object(t, w)["error"]; there {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	}
}

// The key does not appear in answers, metrics or logs.
func TestTokenKeyIsShownNowhere(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	token := r.token(t, "ada")
	r.items.hook(func(context.Context, string) error { panic("surprise") })
	shown := token + r.log.String()
	for _, w := range []*httptest.ResponseRecorder{
		r.do("POST", "/api/token", ""), r.do("POST", "/api/items", "", "Token: "+token), r.do("POST", "/api/items", "", "Token: x"),
		r.do("GET", "/metrics", ""), r.do("GET", "/openapi.json", ""), r.do("GET", "/faults", ""),
	} {
		shown += w.Body.String()
	}
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		t.Fatal(err)
	}
	shown += string(raw) + r.log.String()
	if !strings.Contains(shown, "surprise") {
		t.Error("the panic was not logged")
	}
	for _, secret := range []string{tokenKey, base64.StdEncoding.EncodeToString([]byte(tokenKey)), fmt.Sprintf("%x", tokenKey), fmt.Sprintf("%d", []byte(tokenKey))} {
		if strings.Contains(shown, secret) {
			t.Errorf("the key is shown as %s", secret)
		}
	}
	if strings.Contains(r.log.String(), token) {
		t.Error("the log shows a token")
	}
}
