package api_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"onsale/internal/stress/history"
	"onsale/internal/stress/result"
)

// call sends one request.
func call(api http.Handler, method, target, body string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	api.ServeHTTP(w, httptest.NewRequest(method, target, strings.NewReader(body)))
	return w
}

// decode decodes a response, which must have the status.
func decode[T any](t *testing.T, w *httptest.ResponseRecorder, status int) (v T) {
	t.Helper()
	if err := json.Unmarshal(w.Body.Bytes(), &v); err != nil {
		t.Fatalf("%d %s: %v", w.Code, w.Body, err)
	}
	if w.Code != status || w.Header().Get("Content-Type") != "application/json" || w.Header().Get("Cache-Control") != "no-store" {
		t.Fatalf("%d %v %s, want %d", w.Code, w.Header(), w.Body, status)
	}
	return v
}

type state struct {
	Running bool
	ID      string
	Now     *struct {
		Users            int
		Wanted, InFlight float64
		Elapsed          float64
		Left             *float64
		Stopping         bool
	}
	Report *result.Run
}

// wantProblem checks that a response is a problem that names the fields.
func wantProblem(t *testing.T, w *httptest.ResponseRecorder, status int, code, fields string) {
	t.Helper()
	var p struct {
		Type, Title, Detail, Code, Message string
		Status                             int
		Errors                             []struct{ Field, Message string }
	}
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
		t.Fatalf("%d %s: %v", w.Code, w.Body, err)
	}
	named := make([]string, 0, len(p.Errors))
	for _, e := range p.Errors {
		named = append(named, e.Field+" "+e.Message)
	}
	if w.Code != status || p.Status != status || p.Code != code || strings.Join(named, "; ") != fields || p.Title == "" || p.Detail == "" ||
		p.Type != "urn:onsale:problem:"+code || w.Header().Get("Content-Type") != "application/problem+json" {
		t.Errorf("%d %s, want %d %s %s", w.Code, w.Body, status, code, fields)
	}
}

// TestARunFromStartToReport sends the requests that the console sends.
func TestARunFromStartToReport(t *testing.T) {
	t.Parallel()
	api, d, _ := newAPI(t)
	if got := decode[state](t, call(api, "GET", "/stress", ""), 200); !reflect.DeepEqual(got, state{}) {
		t.Errorf("before: %+v", got)
	}
	scenarios := decode[map[string][]map[string]string](t, call(api, "GET", "/stress/scenarios", ""), 200)
	if s := scenarios["scenarios"]; len(s) != 1 || s[0]["name"] != "tickets" || s[0]["summary"] == "" {
		t.Errorf("scenarios %v", scenarios)
	}
	if body := call(api, "GET", "/stress/runs", "").Body.String(); body != "{\"runs\":[]}\n" {
		t.Errorf("no runs are %s", body)
	}

	w := call(api, "POST", "/stress/runs", `{"scenario":"tickets","users":50,"spawn_rate":2.5,"run_time":"1m","seed":18446744073709551615,"fail_if":["p95>500ms"]}`)
	started := decode[state](t, w, 201)
	path := "/stress/runs/" + started.ID
	if started.ID == "" || w.Header().Get("Location") != path {
		t.Errorf("%+v at %s", started, w.Header().Get("Location"))
	}
	wantProblem(t, call(api, "POST", "/stress/runs", `{}`), 409, "running", "")
	d.count(100)
	live := decode[state](t, call(api, "GET", "/stress", ""), 200)
	if !live.Running || live.ID != started.ID || live.Now == nil || live.Now.Users != 50 || live.Now.Left != nil || live.Report.Stats.Total.Requests != 100 {
		t.Errorf("live: %+v", live)
	}
	want := result.Settings{Scenario: "tickets", Users: 50, SpawnRate: 2.5, RunTime: "1m", Seed: 1<<64 - 1, FailIf: []string{"p95>500ms"}}
	if running := decode[result.Run](t, call(api, "GET", path, ""), 200); !reflect.DeepEqual(running.Settings, want) || !running.Ended.IsZero() {
		t.Errorf("%+v, want settings %+v", running, want)
	}

	changed := decode[state](t, call(api, "PATCH", "/stress/runs/current", `{"users":80,"spawn_rate":10}`), 202)
	if changed.Now.Wanted != 80 || len(d.changes) != 1 || *d.changes[0].Users != 80 || d.changes[0].SpawnRate != 10 {
		t.Errorf("changed: %+v %+v", changed.Now, d.changes)
	}
	if stopped := decode[state](t, call(api, "DELETE", "/stress/runs/current", ""), 202); !stopped.Running || !stopped.Now.Stopping {
		t.Errorf("stopped: %+v", stopped)
	}
	d.end()
	if got := decode[state](t, call(api, "GET", "/stress", ""), 200); got.Running || got.ID != started.ID || got.Report != nil {
		t.Errorf("after: %+v", got)
	}
	runs := decode[struct{ Runs []history.Summary }](t, call(api, "GET", "/stress/runs", ""), 200).Runs
	if len(runs) != 1 || runs[0].ID != started.ID || runs[0].Requests != 100 {
		t.Errorf("runs %+v", runs)
	}
	if kept := decode[result.Run](t, call(api, "GET", path, ""), 200); kept.Stats.Total.Requests != 100 {
		t.Errorf("kept: %+v", kept)
	}
	w = call(api, "GET", path+"/report.html", "")
	if h := w.Header(); w.Code != 200 || h.Get("Content-Type") != "text/html; charset=utf-8" || h.Get("Cache-Control") != "no-store" ||
		!strings.Contains(h.Get("Content-Security-Policy"), "default-src 'none'") || !strings.Contains(w.Body.String(), "</html>") {
		t.Errorf("page: %d %v", w.Code, h)
	}
}

func TestCompare(t *testing.T) {
	t.Parallel()
	api, d, _ := newAPI(t)
	var ids []string
	for i := range 2 {
		call(api, "POST", "/stress/runs", `{}`)
		d.count(int64(100 * (i + 1)))
		ids = append(ids, d.end())
	}
	got := decode[history.Comparison](t, call(api, "GET", "/stress/compare?a="+ids[0]+"&b="+ids[1], ""), 200)
	if got.Base.ID != ids[0] || got.New.ID != ids[1] || got.New.Requests != 200 {
		t.Errorf("%+v", got)
	}
	wantProblem(t, call(api, "GET", "/stress/compare", ""), 422, "invalid", "a must be the id of a run; b must be the id of a run")
	wantProblem(t, call(api, "GET", "/stress/compare?b=x&a=", ""), 422, "invalid", "a must be the id of a run")
	wantProblem(t, call(api, "GET", "/stress/compare?a=x&b="+ids[0], ""), 404, "not_found", "")
	wantProblem(t, call(api, "GET", "/stress/compare?a=2026&b="+ids[0], ""), 404, "ambiguous", "")
}

func TestRejectedRequests(t *testing.T) {
	t.Parallel()
	const runs, current = "/stress/runs", "/stress/runs/current"
	for _, bad := range []struct {
		running              bool
		method, target, body string
		status               int
		code, fields         string
	}{
		{false, "POST", runs, ``, 400, "malformed", "body must not be empty"},
		{false, "POST", runs, `{"users":5`, 400, "malformed", "body must be JSON: unexpected end of JSON input"},
		{false, "POST", runs, `[]`, 422, "invalid", "body must be a JSON object"},
		{false, "POST", runs, `{"users":"5","rate":"10/s"}`, 422, "invalid", "users must be an integer; rate must be a number"},
		{
			false, "POST", runs, `{"fail_if":"p95>1s","seed":-1}`, 422, "invalid",
			"fail_if must be a list; each element must be a string; seed must be an integer of 0 or more",
		},
		{false, "POST", runs, `{"open":1,"abort":null}`, 422, "invalid", "open must be true or false; abort must be true or false"},
		{false, "POST", runs, `{"Users":5,"duration":"1m"}`, 422, "invalid", "Users is not known; duration is not known"},
		{false, "POST", runs, `{"users":1,"users":1}`, 422, "invalid", "users must be sent only once"},
		{false, "POST", runs, `{"users":1001}`, 422, "invalid", "users must be between 1 and 1000"},
		{false, "POST", runs, `{"shape":"` + strings.Repeat("x", 1<<16) + `"}`, 413, "too_large", "body must be at most 65536 bytes long"},
		{true, "POST", runs, `{}`, 409, "running", ""},
		{true, "PATCH", current, `{}`, 422, "invalid", "body must have either users or rate"},
		{true, "PATCH", current, `{"users":1,"rate":1}`, 422, "invalid", "body must have either users or rate"},
		{true, "PATCH", current, `{"users":1,"spawn_rate":"1"}`, 422, "invalid", "spawn_rate must be a number"},
		{true, "PATCH", current, `{"users":1001}`, 422, "invalid", "users must be between 0 and 1000"},
		{true, "PATCH", current, `{"users":null}`, 422, "invalid", "users must be an integer"},
		{true, "PATCH", current, `{"rate":5.5}`, 422, "invalid", "rate does not fit a run of users"},
		{false, "PATCH", current, `{"users":5}`, 404, "not_running", ""},
		{false, "DELETE", current, ``, 404, "not_running", ""},
		{false, "GET", "/stress/runs/20261122-085900-7f3a", ``, 404, "not_found", ""},
		{false, "GET", "/stress/runs/..%2f..%2fetc%2fpasswd", ``, 404, "not_found", ""},
		{false, "GET", "/stress/runs/nothing/report.html", ``, 404, "not_found", ""},
		{false, "GET", "/stress/nothing", ``, 404, "not_found", ""},
		{false, "GET", "/stress/", ``, 404, "not_found", ""},
		{false, "POST", "/stress/runs/a/b", ``, 404, "not_found", ""},
	} {
		api, d, _ := newAPI(t)
		if bad.running {
			call(api, "POST", runs, `{}`)
		}
		before := d.live
		wantProblem(t, call(api, bad.method, bad.target, bad.body), bad.status, bad.code, bad.fields)
		if !reflect.DeepEqual(d.live, before) || len(d.changes) > 0 {
			t.Errorf("%s %s %.60s changed something", bad.method, bad.target, bad.body)
		}
	}
	api, _, _ := newAPI(t)
	r := httptest.NewRequest(http.MethodPost, runs, strings.NewReader(`users=5`))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	api.ServeHTTP(w, r)
	wantProblem(t, w, 415, "unsupported_media_type", "body must be application/json")
}

func TestOtherMethods(t *testing.T) {
	t.Parallel()
	api, _, _ := newAPI(t)
	for target, allowed := range map[string]string{
		"/stress":                    "GET, HEAD",
		"/stress/events":             "GET, HEAD",
		"/stress/scenarios":          "GET, HEAD",
		"/stress/runs":               "GET, HEAD, POST",
		"/stress/runs/current":       "DELETE, PATCH",
		"/stress/runs/x":             "GET, HEAD",
		"/stress/runs/x/report.html": "GET, HEAD",
		"/stress/compare":            "GET, HEAD",
	} {
		for _, method := range []string{"PUT", "OPTIONS"} {
			w := call(api, method, target, "")
			wantProblem(t, w, 405, "method_not_allowed", "")
			if allow := w.Header().Get("Allow"); allow != allowed {
				t.Errorf("%s: Allow %s, want %s", target, allow, allowed)
			}
		}
	}
	for _, target := range []string{"/stress", "/stress/events", "/stress/runs"} {
		if w := call(api, "HEAD", target, ""); w.Code != 200 {
			t.Errorf("HEAD %s: %d", target, w.Code)
		}
	}
}

// TestInternalErrorsAreLoggedAndHidden: errors of the runner are logged, and the
// client gets a general sentence.
func TestInternalErrorsAreLoggedAndHidden(t *testing.T) {
	t.Parallel()
	api, d, l := newAPI(t)
	d.broken = errors.New("open /secret/place: permission denied")
	for _, target := range []string{"/stress/runs", "/stress/runs/x", "/stress/runs/x/report.html", "/stress/compare?a=x&b=y"} {
		w := call(api, "GET", target, "")
		wantProblem(t, w, 500, "internal", "")
		if strings.Contains(w.Body.String(), "secret") {
			t.Errorf("%s shows %s", target, w.Body)
		}
	}
	if n := strings.Count(l.String(), "/secret/place"); n != 4 {
		t.Errorf("logged %d times: %s", n, l)
	}
	d.broken = history.ErrDamaged
	wantProblem(t, call(api, "GET", "/stress/runs/x", ""), 500, "damaged", "")
}

// FuzzPostRun: for any body, either a run starts with its settings or the response
// is a problem.
func FuzzPostRun(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"users":3}`, `{"rate":1.5,"open":true}`, `{"fail_if":["p95>1s"],"seed":7}`, `{"users":1,"users":1}`, `{"users":1e9}`, `[`,
		`{"stop_timeout":{"a":[1]}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		api, d, _ := newAPI(t)
		w := call(api, "POST", "/stress/runs", string(body))
		if !json.Valid(w.Body.Bytes()) {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		switch w.Code {
		case 201:
			var want result.Settings
			if err := json.Unmarshal(body, &want); err != nil || !reflect.DeepEqual(d.live.Report.Settings, want) {
				t.Fatalf("%q became %+v, want %+v (%v)", body, d.live.Report.Settings, want, err)
			}
		case 400, 413, 422:
			if d.live.Running {
				t.Fatalf("%q is rejected, and a run started", body)
			}
		default:
			t.Fatalf("%d %s", w.Code, w.Body)
		}
	})
}
