package scenariofile_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"onsale/internal/stress"
	"onsale/internal/stress/scenariofile"
	"onsale/internal/stress/wire"
)

// shop answers like a shop that sets cookies.
func shop(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/login", "/api/login":
		http.SetCookie(w, &http.Cookie{Name: "sid", Value: "s1", Path: "/"})
		http.SetCookie(w, &http.Cookie{Name: "theme", Value: "dark"})
		http.SetCookie(w, &http.Cookie{Name: "far", Value: "x", Domain: "elsewhere.example"})
		w.Header().Add("Set-Cookie", "=broken")
	case "/logout":
		http.SetCookie(w, &http.Cookie{Name: "sid", Path: "/", MaxAge: -1})
		w.WriteHeader(http.StatusUnauthorized) // cookies of failed answers are kept too
	}
}

func TestUsersKeepTheirCookies(t *testing.T) {
	t.Parallel()
	on := serve(t, shop)
	run(t, load(t, `
tasks:
- steps:
  - {path: /before}
  - {path: /login, capture: {sid: {cookie: sid}}}
  - {path: "/a%20b?{{sid}}", cookies: {lang: "{{pick de}}", theme: mine}}
  - {path: /logout, on_error: continue}
  - {path: /after}
`, nil, nil), on, play{tasks: 1})
	var got []string
	for _, r := range on.all() {
		got = append(got, r.path+" "+r.header.Get("Cookie"))
	}
	same(t, "cookies", got, "/before ", "/login ", "/a%20b?s1 lang=de; theme=mine; sid=s1", "/logout sid=s1; theme=dark", "/after theme=dark")
}

// TestQuotedCookiesKeepTheirQuotes, in the jar and in captures: to the server they are part of the value.
func TestQuotedCookiesKeepTheirQuotes(t *testing.T) {
	t.Parallel()
	on := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Set-Cookie"] = []string{`sid="first"`, `sid="a b"; Path=/`, `plain=c d; Path=/`}
	})
	run(t, load(t, `
tasks:
- steps:
  - {path: /login, capture: {sid: {cookie: sid}, plain: {cookie: plain}}}
  - {path: /cart, cookies: {copy: "{{sid}}", other: "{{plain}}"}}
`, nil, nil), on, play{tasks: 1})
	if got, want := on.all()[1].header.Get("Cookie"), `copy="a b"; other=c d; sid="a b"; plain=c d`; got != want {
		t.Errorf("the cookies are %s, want %s", got, want)
	}
}

func TestCookiesOfATargetWithAPath(t *testing.T) {
	t.Parallel()
	on := serve(t, shop)
	run(t, load(t, "tasks: [{steps: [{path: /login}, {path: /cart}]}]", nil, nil), on, play{tasks: 1, base: "/api"})
	// theme was set for /api, the directory of /api/login.
	if got := on.all()[1]; got.path != "/api/cart" || got.header.Get("Cookie") != "theme=dark; sid=s1" {
		t.Errorf("got %s with %s", got.path, got.header.Get("Cookie"))
	}
}

func TestWithoutAJarCookiesAreNotKept(t *testing.T) {
	t.Parallel()
	on := serve(t, shop)
	run(t, load(t, "cookie_jar: false\ntasks: [{steps: [{path: /login}, {path: /cart, cookies: {a: b}}]}]", nil, nil), on, play{tasks: 1})
	if cookie := on.all()[1].header.Get("Cookie"); cookie != "a=b" {
		t.Errorf("the cookie is %q", cookie)
	}
}

// paths returns the paths of the requests, sorted.
func (s *server) paths() []string {
	var paths []string
	for _, r := range s.all() {
		paths = append(paths, r.path)
	}
	slices.Sort(paths)
	return paths
}

const rows = "name;note\na;1\nb;\"x;y\"\nc;3\n"

func TestEachUserKeepsItsRow(t *testing.T) {
	t.Parallel()
	on := serve(t, func(http.ResponseWriter, *http.Request) {})
	s := load(t, `
csv: {file: rows.csv, delimiter: ";"}
wait: 10ms
tasks: [{path: "/{{user}}/{{row.name}}/{{row.note}}"}]
`, files{"rows.csv": rows}, nil)
	run(t, s, on, play{users: 4, tasks: 40})
	same(t, "paths", slices.Compact(on.paths()), "/0/a/1", "/1/b/x%3By", "/2/c/3", "/3/a/1")
}

func TestTasksShareRowsInTheirOrder(t *testing.T) {
	t.Parallel()
	// Of the rows a b c d a b, one worker takes a c a and the other b d b; then both repeat.
	for worker, want := range []string{"/a /a /a /c", "/b /b /b /d"} {
		on := serve(t, func(http.ResponseWriter, *http.Request) {})
		o := options(files{
			"dir/shop.yaml": "csv: {file: rows.csv, per: task}\ntasks: [{path: '/{{row.name}}'}]",
			"dir/rows.csv":  "name\na\nb\nc\nd\na\nb\n",
		}, nil)
		o.Worker, o.Workers = worker, 2
		s, err := scenariofile.Load("dir/shop.yaml", o)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 { // a new scenario begins with the first row
			on.forget()
			run(t, s, on, play{tasks: 4})
			if got := strings.Join(on.paths(), " "); got != want {
				t.Errorf("worker %d took %s, want %s", worker, got, want)
			}
		}
	}
}

func TestRandomRowsAreAllTaken(t *testing.T) {
	t.Parallel()
	on := serve(t, func(http.ResponseWriter, *http.Request) {})
	s := load(t, "csv: [{file: rows.csv, delimiter: ';', per: task, order: random}]\ntasks: [{path: '/{{row.name}}'}]", files{"rows.csv": rows}, nil)
	run(t, s, on, play{tasks: 60})
	got := on.paths()
	if inOrder := on.lines(); slices.IsSorted(inOrder) {
		t.Errorf("the rows were taken in order: %v", inOrder)
	}
	// The probability that one of three rows is not taken in 60 tasks is 1e-10.
	same(t, "paths", slices.Compact(got), "/a", "/b", "/c")
}

func TestTheSameSeedMakesTheSameRequests(t *testing.T) {
	t.Parallel()
	const text = `
csv: {file: rows.csv, delimiter: ";", per: task, order: random}
tasks:
- path: /{{int 1 1000000}}/{{uuid}}/{{text 30}}/{{pick a b c d}}/{{row.name}}
- weight: 2
  path: /look
  capture: {id: "$[*]"}
`
	play1 := func(seed uint64) []string {
		on := serve(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "[1,2,3,4,5,6,7]") })
		run(t, load(t, text, files{"rows.csv": rows}, nil), on, play{tasks: 30, seed: seed})
		return on.lines()
	}
	first, again, other := play1(7), play1(7), play1(8)
	if !slices.Equal(first, again) {
		t.Errorf("with the same seed got\n%s\nand\n%s", strings.Join(first, "\n"), strings.Join(again, "\n"))
	}
	if slices.Equal(first, other) {
		t.Error("another seed made the same requests")
	}
}

func TestSecretsAppearNowhere(t *testing.T) {
	t.Parallel()
	const secret = "geheim"
	on := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", "/x y/"+secret)
		if r.URL.Path == "/bad" {
			w.WriteHeader(http.StatusForbidden)
		}
		fmt.Fprintf(w, `{"token":"%s\n","other":"%s"}`, secret, secret)
	})
	s := load(t, `
env: [KEY]
csv: {file: rows.csv}
start:
- path: /?key={{env.KEY}}&password={{row.password}}
  capture: {token: $.token, location: {header: Location}}
tasks:
- steps:
  - {path: "/{{env.KEY}}/{{token}}", headers: {X-Key: "{{env.KEY}}"}, check: {json: {$.other: "{{row.password}}?"}}, on_error: continue}
  - {path: "/bad", check: {contains: "{{env.KEY}}"}, on_error: continue}
  - {path: "{{location}}", check: {header: {X-Key: "{{token}}"}}, on_error: continue}
  - {path: /line, headers: {X-Token: "{{token}}"}, on_error: continue}
  - {path: /cookie, cookies: {token: "{{token}}"}, on_error: continue}
  - {path: "/{{token}}/{{row.password}}", capture: {id: {regex: "{{env.KEY}}x", default: ""}}}
`, files{"rows.csv": "password\n" + secret + "\n"}, map[string]string{"KEY": secret})
	got := run(t, s, on, play{tasks: 1})
	told := fmt.Sprintf("%+v %+v %+v %s %s %v", got.Entries, got.Failures, got.Total, s.Name, s.Summary, s.Warnings)
	if strings.Contains(told, secret) {
		t.Errorf("a secret is in: %s", told)
	}
	want := `GET /[env.KEY]/[token]: check: want {{row.password}}? at $.other
GET /bad: status: want 2xx, got 403
GET /cookie: invalid: header Cookie has a line break or another control character
GET /line: invalid: header X-Token has a line break or another control character
GET [location]: check: want header X-Key to contain "{{token}}"`
	if failures(got) != want {
		t.Errorf("failed:\n%s", failures(got))
	}
}

func TestSecretsAppearInNoErrorOfAFile(t *testing.T) {
	t.Parallel()
	const secret = "geheim"
	_, err := tryLoad(`
env: [KEY]
csv: [{file: rows.csv}, {file: bad.csv, as: bad}]
headers: {X-Key: "{{env.KEY}}{{nobody}}"}
tasks:
- {path: "/{{env.KEY}}/{{int {{env.KEY}} 2}}", json: {a: "{{env.KEY}}{{row.user}}"}}
- {path: /, headers: {"X Y": "{{env.KEY}}"}, cookies: {a: "{{env.KEI}}"}}
`, files{"rows.csv": "password\n" + secret + "\n", "bad.csv": "a,b\n" + secret + ",\"" + secret + "\n"}, map[string]string{"KEY": secret})
	if err == nil || strings.Contains(err.Error(), secret) {
		t.Errorf("got %v", err)
	}
}

func TestALineBreakInAHeaderIsFoundBeforeTheRun(t *testing.T) {
	t.Parallel()
	_, err := tryLoad("env: [KEY]\ntasks:\n- path: /\n  headers: {X-Key: '{{env.KEY}}'}\n", nil, map[string]string{"KEY": "a\nb"})
	if want := "shop.yaml:4: tasks[0].headers.X-Key has a line break or another control character in the value of a {{…}}"; err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
}

func TestKindsHaveWeightsAndWaits(t *testing.T) {
	t.Parallel()
	s := load(t, `
wait: {pacing: 2s}
users:
- {name: a, weight: 3, tasks: [{path: /}]}
- {name: b, wait: {between: [1s, 1s]}, start: [{path: /}], tasks: [{path: /, weight: 4}, {path: /}]}
- {wait: 3s, tasks: [{path: /}]}
`, nil, nil)
	target, err := wire.ParseTarget("http://127.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, k := range s.Scenario(target).Kinds {
		part := k.Join(&stress.User{})
		next, late := k.Wait(random(), time.Time{}, time.Time{}.Add(time.Hour))
		got = append(got, fmt.Sprintf("%s %d %v %v %d %d %v", k.Name, k.Weight, next.Sub(time.Time{}), late, len(part.Tasks), part.Tasks[0].Weight, part.Start != nil))
	}
	same(t, "kinds", got, "a 3 2s true 1 1 false", "b 1 1h0m1s false 2 4 true", "user 1 1h0m3s false 1 1 false")
}

func TestAPauseWaitsAndEndsWithTheContext(t *testing.T) {
	t.Parallel()
	s := load(t, "tasks: [{steps: [{pause: {between: [10s, 20s]}}, {pause: 1h}]}]", nil, nil)
	target, err := wire.ParseTarget("http://127.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		part := s.Scenario(target).Kinds[0].Join(&stress.User{Rand: random()})
		ctx, done := canceled(t, 30*time.Second)
		defer done()
		began := time.Now()
		part.Tasks[0].Do(ctx)
		if took := time.Since(began); took != 30*time.Second {
			t.Errorf("the pause took %v", took)
		}
	})
}

func TestAFailureSaysThatTheBodyWasCutOff(t *testing.T) {
	t.Parallel()
	on := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"a":"`+strings.Repeat("x", 4000)+`","b":1}`)
	})
	got := run(t, load(t, "tasks: [{path: /, capture: {b: $.b}}]", nil, nil), on, play{tasks: 1, wire: wire.Options{MaxBody: 100}})
	if want := "GET /: check: capture b: nothing at $.b, in the part of the body that is kept"; failures(got) != want {
		t.Errorf("got %s", failures(got))
	}
}

func TestCapturesAreLimited(t *testing.T) {
	t.Parallel()
	var n atomic.Int64
	on := serve(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, strings.Repeat("x", int(n.Add(64<<10)))) })
	got := run(t, load(t, "tasks: [{path: /, capture: {all: {regex: x+}}}]", nil, nil), on, play{tasks: 2})
	if got.Total.Requests != 2 || failures(got) != "GET /: check: capture all: nothing matches its regex" || got.Total.Failures != 1 {
		t.Errorf("got %d requests, failed %s", got.Total.Requests, failures(got))
	}
}
