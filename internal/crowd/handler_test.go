package crowd_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"

	"onsale/internal/client"
	"onsale/internal/crowd"
)

// idle returns a crowd that does not run.
func idle(tb testing.TB) *crowd.Crowd {
	tb.Helper()
	api, err := client.New("http://onsale.test", client.Options{Transport: newOffice()})
	if err != nil {
		tb.Fatal(err)
	}
	c, err := crowd.New(crowd.Options{Client: api, Settings: crowd.DefaultSettings()})
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

// call calls the handler of the crowd.
func call(c *crowd.Crowd, method, contentType string, body io.Reader) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "/crowd", body)
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	w := httptest.NewRecorder()
	c.Handler().ServeHTTP(w, r)
	return w
}

// problem is an error response.
type problem struct {
	Type, Title, Detail, Code, Message string
	Status                             int
	Errors                             []struct{ Field, Message string }
}

func TestGetCrowd(t *testing.T) {
	t.Parallel()
	w := call(idle(t), http.MethodGet, "", http.NoBody)
	var got map[string]any
	decode(w.Body.Bytes(), &got)
	if w.Code != 200 || w.Header().Get("Content-Type") != "application/json" || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	if got["users"] != 25.0 || got["scenario"] != "tickets" || got["running"] != 0.0 || got["max_users"] != 500.0 || got["failing"] != false {
		t.Errorf("%v", got)
	}
	for _, list := range []string{"concerts", "scenarios"} {
		if _, ok := got[list].([]any); !ok {
			t.Errorf("%s is %v, want a list", list, got[list])
		}
	}
	counts, _ := got["counts"].(map[string]any)
	for _, name := range []string{"calls", "failed", "purchases", "tickets", "sold_out", "denied", "items_created", "items_deleted"} {
		if counts[name] != 0.0 {
			t.Errorf("%s is %v, want 0", name, counts[name])
		}
	}
}

func TestPutChangesOnlyItsMembers(t *testing.T) {
	t.Parallel()
	c := idle(t)
	for _, step := range []struct {
		body string
		want crowd.Settings
	}{
		{`{}`, crowd.Settings{Users: 25, Scenario: "tickets"}},
		{`{"users":7}`, crowd.Settings{Users: 7, Scenario: "tickets"}},
		{` {"scenario":"items"} `, crowd.Settings{Users: 7, Scenario: "items"}},
		{`{"scenario":"tickets-random-deny","users":0}`, crowd.Settings{Users: 0, Scenario: "tickets-random-deny"}},
		{`{"users":500}`, crowd.Settings{Users: 500, Scenario: "tickets-random-deny"}},
	} {
		w := call(c, http.MethodPut, "application/json; charset=utf-8", strings.NewReader(step.body))
		var got crowd.Settings
		decode(w.Body.Bytes(), &got)
		if w.Code != 200 || got != step.want || c.State().Settings != step.want {
			t.Errorf("%s: %d %+v, want %+v", step.body, w.Code, got, step.want)
		}
	}
}

func TestInvalidPut(t *testing.T) {
	t.Parallel()
	const users, scenario = "users must be between 0 and 500", "scenario must be one of tickets, tickets-random-deny, items"
	long := strings.Repeat("x", 1000)
	for _, bad := range []struct {
		body   string
		status int
		code   string
		fields string
	}{
		{`{"users":501}`, 422, "invalid", users},
		{`{"users":-1}`, 422, "invalid", users},
		{`{"users":501,"scenario":"items"}`, 422, "invalid", users},
		{`{"users":5,"scenario":"storm"}`, 422, "invalid", scenario},
		{`{"users":2.5}`, 422, "invalid", "users must be an integer"},
		{`{"users":"5"}`, 422, "invalid", "users must be an integer"},
		{`{"users":null}`, 422, "invalid", "users must be an integer"},
		{`{"users":99999999999999999999}`, 422, "invalid", "users must be an integer"},
		{`{"scenario":null}`, 422, "invalid", "scenario must be a string"},
		{`{"scenario":["items"]}`, 422, "invalid", "scenario must be a string"},
		{`{"users":1,"users":2}`, 422, "invalid", "users must be sent only once"},
		{`{"scenario":"items","scenario":"items"}`, 422, "invalid", "scenario must be sent only once"},
		{`{"users":1,"Users":2}`, 422, "invalid", "Users is not known"},
		{`{"user":1,"users":"x"}`, 422, "invalid", "user is not known; users must be an integer"},
		{`{"` + long + `":1}`, 422, "invalid", long[:64] + "… is not known"},
		{`[1]`, 422, "invalid", "body must be a JSON object"},
		{`null`, 422, "invalid", "body must be a JSON object"},
		{``, 400, "malformed", "body must not be empty"},
		{` `, 400, "malformed", "body must not be empty"},
		{`{"users":1`, 400, "malformed", "body must be JSON: unexpected end of JSON input"},
		{`{"users":1}{}`, 400, "malformed", "body must be JSON: invalid character '{' after top-level value"},
		{"{\"users\":1,\"\xff\":1}", 400, "malformed", "body must be UTF-8"},
		{`{"users":1,"x":"` + strings.Repeat("x", 64<<10) + `"}`, 413, "too_large", "body must be at most 65536 bytes long"},
	} {
		c := idle(t)
		w := call(c, http.MethodPut, "application/json", strings.NewReader(bad.body))
		wantProblem(t, w, bad.status, bad.code, bad.fields)
		if c.State().Settings != crowd.DefaultSettings() {
			t.Errorf("%.60s changed the settings to %+v", bad.body, c.State().Settings)
		}
	}
}

// wantProblem checks that a response is a problem with these fields.
func wantProblem(t *testing.T, w *httptest.ResponseRecorder, status int, code, fields string) {
	t.Helper()
	var p problem
	decode(w.Body.Bytes(), &p)
	named := make([]string, 0, len(p.Errors))
	for _, e := range p.Errors {
		named = append(named, e.Field+" "+e.Message)
	}
	if w.Code != status || p.Status != status || p.Code != code || strings.Join(named, "; ") != fields ||
		p.Type != "urn:onsale:problem:"+code || p.Title == "" || p.Detail == "" || w.Header().Get("Content-Type") != "application/problem+json" {
		t.Errorf("%d %s, want %d %s %s", w.Code, w.Body, status, code, fields)
	}
	if len(named) > 0 && (p.Message != named[0] || !strings.Contains(p.Detail, named[0])) {
		t.Errorf("message %q, detail %q, want %q", p.Message, p.Detail, named[0])
	}
}

func TestOtherRequests(t *testing.T) {
	t.Parallel()
	c := idle(t)
	w := call(c, http.MethodPost, "", strings.NewReader("{}"))
	wantProblem(t, w, 405, "method_not_allowed", "")
	if allow := w.Header().Get("Allow"); allow != "GET, HEAD, PUT" {
		t.Errorf("Allow: %s", allow)
	}
	for _, contentType := range []string{"text/plain", "application/x-www-form-urlencoded", "a/b/c"} {
		wantProblem(t, call(c, http.MethodPut, contentType, strings.NewReader(`{"users":1}`)), 415, "unsupported_media_type", "body must be application/json")
	}
	cut := io.MultiReader(strings.NewReader(`{"users":`), iotest.ErrReader(errors.New("gone")))
	wantProblem(t, call(c, http.MethodPut, "", cut), 400, "malformed", "body is incomplete")
	if w := call(c, http.MethodHead, "", http.NoBody); w.Code != 200 {
		t.Errorf("HEAD: %d", w.Code)
	}
	if c.State().Settings != crowd.DefaultSettings() {
		t.Errorf("%+v", c.State().Settings)
	}
}

// FuzzPutCrowd checks that any body gets the state or a problem, and that a problem
// changes nothing.
func FuzzPutCrowd(f *testing.F) {
	for _, seed := range []string{`{}`, `{"users":3}`, `{"scenario":"items","users":1}`, `{"users":1,"users":1}`, `[`, `{"a":{"b":[1]}}`, `{"users":-0}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		c := idle(t)
		w := call(c, http.MethodPut, "", strings.NewReader(string(body)))
		after := c.State().Settings
		if !json.Valid(w.Body.Bytes()) {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		switch w.Code {
		case 200:
			var asked struct {
				Users    *int
				Scenario *string
			}
			decode(body, &asked)
			if asked.Users != nil && *asked.Users != after.Users || asked.Scenario != nil && *asked.Scenario != after.Scenario {
				t.Fatalf("%q became %+v", body, after)
			}
			if after.Users < 0 || after.Users > crowd.MaxUsers {
				t.Fatalf("%+v", after)
			}
		case 400, 413, 422:
			if after != crowd.DefaultSettings() {
				t.Fatalf("a rejected request changed the settings to %+v", after)
			}
		default:
			t.Fatalf("%d %s", w.Code, w.Body)
		}
	})
}
