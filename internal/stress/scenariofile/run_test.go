package scenariofile_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"onsale/internal/stress"
	"onsale/internal/stress/scenariofile"
	"onsale/internal/stress/stats"
	"onsale/internal/stress/wire"
)

// request is a request that a server received.
type request struct {
	method, path, body string
	header             http.Header
}

// server records the requests that it receives.
type server struct {
	*httptest.Server
	mu   sync.Mutex
	seen []request
}

func serve(t *testing.T, answer http.HandlerFunc) *server {
	t.Helper()
	s := &server{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Errorf("read request: %v", err)
		}
		s.mu.Lock()
		s.seen = append(s.seen, request{r.Method, r.URL.RequestURI(), string(body), r.Header.Clone()})
		s.mu.Unlock()
		answer(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

// all returns the requests.
func (s *server) all() []request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.seen)
}

// forget discards the recorded requests.
func (s *server) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = nil
}

// lines returns the requests, a line each.
func (s *server) lines() []string {
	var lines []string
	for _, r := range s.all() {
		lines = append(lines, strings.TrimSpace(r.method+" "+r.path+" "+r.body))
	}
	return lines
}

// play has the options of a test run.
type play struct {
	users, tasks int
	seed         uint64
	base         string
	wire         wire.Options
}

// run runs a scenario against a server until p.tasks tasks are done.
func run(t *testing.T, s *scenariofile.Definition, on *server, p play) stats.Snapshot {
	t.Helper()
	target, err := wire.ParseTarget(on.URL + p.base)
	if err != nil {
		t.Fatal(err)
	}
	var engine *stress.Run
	var done atomic.Int64
	scenario := s.Scenario(target)
	for i := range scenario.Kinds {
		join := scenario.Kinds[i].Join
		scenario.Kinds[i].Join = func(u *stress.User) stress.Part {
			part := join(u)
			for j := range part.Tasks {
				do := part.Tasks[j].Do
				part.Tasks[j].Do = func(ctx context.Context) {
					do(ctx)
					if done.Add(1) >= int64(p.tasks) {
						engine.Stop()
					}
				}
			}
			return part
		}
	}
	recorder := stats.New(stats.Options{Start: time.Now()})
	engine, err = stress.New(stress.Options{
		Scenario: scenario, Load: stress.Load{Curve: stress.Curve{From: float64(max(p.users, 1))}}, RunTime: 20 * time.Second,
		StopTimeout: 10 * time.Second, Seed: p.seed, Connect: func() wire.Doer { return wire.New(target, p.wire) }, Stats: recorder,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := engine.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if done.Load() < int64(p.tasks) {
		t.Fatalf("%d tasks were done, want %d; the server saw\n%s", done.Load(), p.tasks, strings.Join(on.lines(), "\n"))
	}
	return recorder.Snapshot(time.Now())
}

// failures returns the failures, a line each.
func failures(s stats.Snapshot) string {
	var lines []string
	for _, f := range s.Failures {
		lines = append(lines, fmt.Sprintf("%s %s: %s: %s", f.Method, f.Name, f.Kind, f.Detail))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func same(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("%s are\n%s\nwant\n%s", what, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func names(s stats.Snapshot) (names []string) {
	for _, e := range s.Entries {
		names = append(names, fmt.Sprintf("%s %s %d", e.Method, e.Name, e.Requests))
	}
	return names
}

func TestTasksUseWhatTheLoginCaptured(t *testing.T) {
	t.Parallel()
	on := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/login":
			w.Header().Set("X-Tenant", "t 1")
			fmt.Fprint(w, `{"user":{"token":"geheim\"1\u00e9","id":12345678901234567890},"roles":["a","b"]}`)
		case r.Header.Get("Authorization") != `Bearer geheim"1é`:
			w.WriteHeader(http.StatusUnauthorized)
		case r.URL.Path == "/orders":
			w.Header().Set("Location", "http://elsewhere.example/orders/7?full=yes#top")
			w.WriteHeader(http.StatusCreated)
		}
	})
	s := load(t, `
env: [PASSWORD]
headers:
  Authorization: Bearer {{token}}
  X-Common: always
start:
- method: POST
  path: /login
  form: {user: "u {{user}}", password: "{{env.PASSWORD}}", scope: [a&b, c]}
  capture:
    token: $.user.token
    id: $['user']["id"]
    tenant: {header: X-Tenant}
    role: $.roles[-1]
    word: {regex: '"roles":\["(\w+)"'}
tasks:
- name: order
  steps:
  - path: /orders?tenant={{tenant}}
    json:
      id: "{{id}}"
      text: "id {{id}}"
      string: "{{string id}}"
      role: "{{role}}"
      word: "{{word}}"
      list: [1, 2.5, true, null, "{{user}}", yes, 0x10]
      "a \"quoted\" key": "<{{token}}>"
    capture: {location: {header: location}}
  - path: "{{location}}"
    headers: {x-common: mine, X-Turn: "{{iteration}}"}
`, nil, map[string]string{"PASSWORD": "p&ss word"})
	got := run(t, s, on, play{tasks: 2, seed: 1})
	order := `POST /orders?tenant=t%201 {"id":12345678901234567890,"text":"id 12345678901234567890","string":"12345678901234567890","role":"b","word":"a",` +
		`"list":[1,2.5,true,null,0,"yes",16],"a \"quoted\" key":"<geheim\"1é>"}`
	same(t, "requests", on.lines(),
		"POST /login user=u+0&password=p%26ss+word&scope=a%26b&scope=c",
		order, "GET /orders/7?full=yes", order, "GET /orders/7?full=yes")
	same(t, "entries", names(got), "POST /login 1", "POST /orders?tenant=[tenant] 2", "GET [location] 2")
	if got.Total.Failures != 0 {
		t.Errorf("failed:\n%s", failures(got))
	}
	login, first, second := on.all()[0].header, on.all()[1].header, on.all()[4].header
	if login.Get("Authorization") != "" || login.Get("X-Common") != "always" || login.Get("Content-Type") != "application/x-www-form-urlencoded" {
		t.Errorf("the login had the header %v", login)
	}
	if first.Get("Content-Type") != "application/json" || first.Get("X-Common") != "always" {
		t.Errorf("the first order had the header %v", first)
	}
	if second.Get("X-Common") != "mine" || second.Get("X-Turn") != "1" || len(second["X-Common"]) != 1 {
		t.Errorf("the last request had the header %v", second)
	}
}

func TestChecks(t *testing.T) {
	t.Parallel()
	const doc = `{"status":"ok","n":3.0,"yes":true,"none":null,"a":[{"b":"x\u0079"}],"a.b":1}`
	on := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		if status, err := strconv.Atoi(r.URL.Query().Get("status")); err == nil {
			w.WriteHeader(status)
		}
		switch r.URL.Path {
		case "/cut":
			fmt.Fprint(w, `{"status":"ok","n":`)
		case "/text":
			fmt.Fprint(w, "geheim: 42")
		default:
			fmt.Fprint(w, doc)
		}
	})
	for _, c := range []struct{ name, step, want string }{
		{"nothing asked", "path: /", ""},
		{"not 2xx", "path: /?status=503", "status: want 2xx, got 503"},
		{"redirect", "path: /?status=302", "status: want 2xx, got 302"},
		{"status", "path: /?status=404\ncheck: {status: 404}", ""},
		{"statuses", "path: /?status=404\ncheck: {status: [200, 201]}", "status: want 200 or 201, got 404"},
		{"class", "path: /?status=404\ncheck: {status: [200, 4xx]}", ""},
		{"class not", "path: /?status=204\ncheck: {status: [200, 4xx]}", "status: want 200 or 4xx, got 204"},
		{"json", "path: /\ncheck: {json: {$.status: ok, $.n: 3, $.yes: true, $.none: null, '$.a[0].b': xy, \"$['a.b']\": 1, '$.a[-1].b': xy}}", ""},
		{"json text", "path: /\ncheck: {json: {$.status: no}}", `check: want "no" at $.status`},
		{"json number", "path: /\ncheck: {json: {$.n: 4}}", "check: want 4 at $.n"},
		{"json number as text", "path: /\ncheck: {json: {$.n: '3.0'}}", `check: want "3.0" at $.n`},
		{"json text as number", "path: /text\ncheck: {json: {$: 3}}", "check: want 3 at $"},
		{"json nothing", "path: /\ncheck: {json: {$.other: 1}}", "check: want 1 at $.other"},
		{"json template", "path: /\ncheck: {json: {$.n: '{{number n}}'}}", ""},
		{"json other template", "path: /\ncheck: {json: {$.status: 'k{{word}}'}}", "check: want k{{word}} at $.status"},
		{"json there", "path: /\ncheck: {json: [$.none, $.a]}", ""},
		{"json not there", "path: /\ncheck: {json: '$.a[1]'}", "check: want a value at $.a[1]"},
		{"json cut off", "path: /cut\ncheck: {json: {$.status: ok}}", `check: want "ok" at $.status`},
		{"contains", "path: /text\ncheck: {contains: [geheim, ': 4']}", ""},
		{"contains not", "path: /text\ncheck: {contains: [geheim, '{{word}}']}", `check: want a body that contains "{{word}}"`},
		{"header", "path: /\ncheck: {header: {content-type: json, Date: ''}}", ""},
		{"header not", "path: /\ncheck: {header: {Content-Type: xml}}", `check: want header Content-Type to contain "xml"`},
		{"header missing", "path: /\ncheck: {header: {X-A: ''}}", "check: want header X-A"},
		{"max time", "path: /\ncheck: {max_time: 1h}", ""},
		{"capture", "path: /\ncapture: {c: $.b}", "check: capture c: nothing at $.b"},
		{"capture null", "path: /\ncapture: {c: $.none}", "check: capture c: nothing at $.none"},
		{"capture any of none", "path: /\ncapture: {c: '$.a[0].b[*]'}", "check: capture c: nothing at $.a[0].b[*]"},
		{"capture header", "path: /\ncapture: {c: {header: Location}}", "check: capture c: no header Location"},
		{"capture cookie", "path: /\ncapture: {c: {cookie: sid}}", "check: capture c: no cookie sid"},
		{"capture regex", "path: /\ncapture: {c: {regex: geheim=(.*)}}", "check: capture c: nothing matches its regex"},
		{"capture default", "path: /\ncapture: {c: {json: $.b, default: x}}", ""},
		{"capture of no JSON", "path: /text\ncapture: {c: $.b}", "check: capture c: nothing at $.b"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			on := &server{Server: on.Server}
			step := "- " + strings.ReplaceAll(c.step, "\n", "\n  ")
			got := run(t, load(t, "variables: {n: 3.0, word: zzz}\ntasks:\n"+step, nil, nil), on, play{tasks: 1})
			want := ""
			if c.want != "" {
				_, path, _ := strings.Cut(strings.Split(c.step, "\n")[0], " ")
				want = "GET " + path + ": " + c.want
			}
			if failures(got) != want {
				t.Errorf("got  %s\nwant %s", failures(got), want)
			}
		})
	}
}

func TestAnAnswerThatTakesTooLongFails(t *testing.T) {
	t.Parallel()
	on := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-time.After(30 * time.Millisecond):
		case <-r.Context().Done():
		}
	})
	got := run(t, load(t, "tasks: [{path: /, check: {max_time: 20ms}}]", nil, nil), on, play{tasks: 1})
	if failures(got) != "GET /: check: want an answer within 20ms" {
		t.Errorf("got %s", failures(got))
	}
}

func TestBusinessAnswersAreNotFailures(t *testing.T) {
	t.Parallel()
	answers := []string{`{"code":"sold_out"}`, `{"code":"denied"}`, `{"status":"success"}`, `{"code":"sold_out"}`}
	var n atomic.Int64
	on := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/after" {
			return
		}
		answer := answers[int(n.Add(1)-1)%len(answers)]
		if strings.Contains(answer, "code") {
			w.WriteHeader(http.StatusConflict)
		}
		fmt.Fprint(w, answer)
	})
	got := run(t, load(t, `
tasks:
- steps:
  - path: /buy
    check:
      json: {$.status: success}
      business:
      - {status: 409, json: {$.code: sold_out}, name: sold_out}
      - {status: [409, 410], name: denied}
  - path: /after
`, nil, nil), on, play{tasks: 4})
	if got.Total.Failures != 0 || got.Total.Business["sold_out"] != 2 || got.Total.Business["denied"] != 1 {
		t.Errorf("got %+v, failed %s", got.Total, failures(got))
	}
	same(t, "requests", on.lines(), "GET /buy", "GET /buy", "GET /buy", "GET /after", "GET /buy")
}

func TestAFailureEndsTheTaskUnlessOnErrorIsContinue(t *testing.T) {
	t.Parallel()
	var n atomic.Int64
	on := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/may":
			if n.Add(1) == 2 {
				w.WriteHeader(http.StatusBadGateway)
			}
			fmt.Fprint(w, `{"id":"good"}`)
		case "/must":
			if n.Load() == 3 {
				w.WriteHeader(http.StatusBadGateway)
			}
		}
	})
	got := run(t, load(t, `
tasks:
- steps:
  - path: /may
    on_error: continue
    capture: {id: {json: $.id, default: none}}
  - path: /must
  - path: /last/{{id}}
`, nil, nil), on, play{tasks: 3})
	same(t, "requests", on.lines(),
		"GET /may", "GET /must", "GET /last/good",
		"GET /may", "GET /must", "GET /last/none", // the value captured before is discarded
		"GET /may", "GET /must")
	if want := "GET /may: status: want 2xx, got 502\nGET /must: status: want 2xx, got 502"; failures(got) != want {
		t.Errorf("failed:\n%s", failures(got))
	}
}

func TestAFailedStartIsRepeated(t *testing.T) {
	t.Parallel()
	var n atomic.Int64
	on := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/login" && n.Add(1) == 1 {
			http.SetCookie(w, &http.Cookie{Name: "half", Value: "done"})
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	run(t, load(t, "start: [{path: /login}]\ntasks: [{path: /task}]", nil, nil), on, play{tasks: 1})
	same(t, "requests", on.lines(), "GET /login", "GET /login", "GET /task")
	if cookie := on.all()[1].header.Get("Cookie"); cookie != "" {
		t.Errorf("the second start had the cookie %s of the first", cookie)
	}
}

func TestALocationBecomesAPathOfTheTarget(t *testing.T) {
	t.Parallel()
	for location, want := range map[string]string{
		"/orders/7": "/orders/7", "/api/orders/7": "/orders/7", "orders/7": "/orders/7", "?a=b": "/?a=b",
		"https://elsewhere.example": "/", "http://x?a=b": "/?a=b", "HTTP://x/api/orders/ä b": "/orders/%C3%A4%20b",
	} {
		if got := follow(t, "/", location); got != "/api"+want {
			t.Errorf("the Location %s led to %s", location, got)
		}
	}
}

// follow returns the path that a user requests for a Location in the answer to a request for from. The target is
// …/api, and the user makes another request in between.
func follow(t *testing.T, from, location string) string {
	t.Helper()
	on := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.Header()["Location"] = []string{location} })
	text := "tasks: [{steps: [{path: '" + from + "', capture: {l: {header: Location}}}, {path: /else/where}, {path: '{{l}}'}]}]"
	run(t, load(t, text, nil, nil), on, play{tasks: 1, base: "/api"})
	return on.all()[2].path
}

func TestALocationIsRelativeToItsRequest(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ from, location, want string }{
		{"/a/rel", "next", "/a/next"},
		{"/a/rel?x=/y/z", "next?b=c/d", "/a/next?b=c/d"},
		{"/a/b/rel", "../next", "/a/next"},
		{"/a/", "./n%2Fext", "/a/n%2Fext"},
		{"/a/rel", "../../../next", "/next"}, // every request goes to the target
		{"/a/rel", "?page=2", "/a/rel?page=2"},
		{"/a/rel", "#top", "/a/rel"},
		{"/a/rel", "/next", "/next"},
		{"/a/rel", "next:8/x", "/a/next:8/x"},
		{"/a/rel", "//other.example:8000/next?a=b", "/next?a=b"},
		{"/a/rel", "//other.example/api/next", "/next"},
		{"/a/rel", "//other.example", "/"},
		{"/a/rel", "//other.example?a=b", "/?a=b"},
		{"/a/rel", "http://other.example#a/b", "/"},
		{"/a/rel", "http://other.example//next", "//next"},
		{"/a/rel", "https://other.example/api", "/"},
		{"/a/rel", "/apis", "/apis"},
		{"/a/rel", "/login?back=http://x/y", "/login?back=http://x/y"},
	} {
		if got := follow(t, c.from, c.location); got != "/api"+c.want {
			t.Errorf("the Location %s in the answer to %s led to %s", c.location, c.from, got)
		}
	}
}

func TestOtherPathsAreRelativeToTheRoot(t *testing.T) {
	t.Parallel()
	on := serve(t, func(http.ResponseWriter, *http.Request) {})
	run(t, load(t, `
csv: {file: paths.csv}
tasks: [{steps: [{path: /a/b, capture: {l: {header: Location, default: next}}}, {path: '{{l}}'}, {path: '{{row.path}}'}]}]
`, files{"paths.csv": "path\nc/d\n"}, nil), on, play{tasks: 1})
	same(t, "paths", on.lines(), "GET /a/b", "GET /next", "GET /c/d")
}
