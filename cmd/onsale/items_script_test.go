package main

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// itemsScript is a run of docs/examples/items.py, the client of the items assignment.
type itemsScript struct {
	t              *testing.T
	cmd            *exec.Cmd
	stdout, stderr output
	log            string
}

// newItemsScript prepares a run against a server. Each of the edits replaces a line's
// beginning, such as "TIMEOUT = 10".
func newItemsScript(t *testing.T, url string, edits map[string]string, args ...string) *itemsScript {
	t.Helper()
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Fatalf("install python3: %v", err)
	}
	text, err := os.ReadFile("../../docs/examples/items.py")
	if err != nil {
		t.Fatal(err)
	}
	for from, to := range edits {
		if !bytes.Contains(text, []byte("\n"+from)) {
			t.Fatalf("items.py has no line that begins with %q", from)
		}
		text = bytes.Replace(text, []byte("\n"+from), []byte("\n"+to), 1)
	}
	dir := t.TempDir()
	script := filepath.Join(dir, "items.py")
	if err := os.WriteFile(script, text, 0o600); err != nil {
		t.Fatal(err)
	}
	s := &itemsScript{t: t, log: filepath.Join(dir, "calls.jsonl")}
	s.cmd = exec.CommandContext(t.Context(), python, append([]string{script, "--host", url}, args...)...)
	s.cmd.Dir = dir
	s.cmd.Env = []string{"PYTHONDONTWRITEBYTECODE=1", "PYTHONIOENCODING=utf-8"}
	s.cmd.Stdout, s.cmd.Stderr = &s.stdout, &s.stderr
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("items.py wrote:\n%s\n%s", tail(s.stdout.String()), tail(s.stderr.String()))
		}
	})
	return s
}

// run runs the script to its end, and returns its exit code.
func (s *itemsScript) run() int {
	s.t.Helper()
	if err := s.cmd.Run(); err != nil && !errors.As(err, new(*exec.ExitError)) {
		s.t.Fatal(err)
	}
	return s.cmd.ProcessState.ExitCode()
}

// summary reads what the script says at its end, and checks that the log has the same calls.
func (s *itemsScript) summary() summary {
	s.t.Helper()
	sum := readSummary(s.t, s.stdout.String())
	text, err := os.ReadFile(s.log)
	if err != nil {
		s.t.Fatal(err)
	}
	if logged := byStatus(readLog(s.t, string(text)), func(logLine) bool { return true }); !maps.Equal(logged, sum.answers) {
		s.t.Errorf("the log has %v, the summary %v", logged, sum.answers)
	}
	return sum
}

// TestItemsScriptDoesWhatAutomateDoes: on servers that answer alike, the script and
// `onsale automate` make the same calls, get the same answers, and leave the same items.
func TestItemsScriptDoesWhatAutomateDoes(t *testing.T) {
	t.Parallel()
	plan := filepath.Join(t.TempDir(), "plan.json")
	err := os.WriteFile(plan, []byte(`{"seed": 5, "routes": {
		"/api/items": {"error": 0.3}, "/api/items/{item_id}": {"error": 0.3}}}`), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	for name, faults := range map[string]string{"well": "off", "injected errors": plan} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// Each route has its own random generator, and the same seed gives the same faults. This
			// seed fails at most five calls of a route before twelve calls have succeeded, so no operation fails.
			ofScript := serve(t, nil, "--faults", faults, dataDir(t))
			ofAutomate := serve(t, nil, "--faults", faults, dataDir(t))
			script := newItemsScript(t, ofScript.url(), nil, "--count", "12", "--rate", "50")
			code := script.run()
			automate := automate(t, ofAutomate.url(), "--count", "12", "--rate", "50")
			if code != 0 || automate.code() != 0 {
				t.Fatalf("exit codes %d and %d, want 0", code, automate.code())
			}
			got, want := script.summary(), readSummary(t, automate.stdout.String())
			if !maps.Equal(got.answers, want.answers) {
				t.Errorf("answers %v, those of automate %v", got.answers, want.answers)
			}
			got.answers, want.answers = nil, nil
			if fmt.Sprint(got) != fmt.Sprint(want) || got.created != 12 || got.deleted != 12 {
				t.Errorf("the script said %+v, automate %+v", got, want)
			}
			if server, said := itemCalls(t, ofScript.url()), script.summary().answers; !maps.Equal(server, said) {
				t.Errorf("the server counted %v, the script %v", server, said)
			}
			if faults == plan && script.summary().answers[http.StatusInternalServerError] == 0 {
				t.Error("no error was injected, so that nothing was repeated")
			}
		})
	}
}

// TestItemsScriptThroughTrouble: resets, calls that hang, and tokens that expire in the middle.
func TestItemsScriptThroughTrouble(t *testing.T) {
	t.Parallel()
	p := serve(t, nil, "--faults", "off", "--token-life", "1s", dataDir(t))
	c := newClient()
	defer c.CloseIdleConnections()
	status, body := call(t.Context(), c, http.MethodPut, p.url()+"/faults", `{"seed": 3, "routes": {
		"/api/items": {"reset": 0.2, "hang": 0.1}, "/api/items/{item_id}": {"reset": 0.2}}}`)
	if status != http.StatusOK {
		t.Fatalf("PUT /faults answered %d %s", status, body)
	}
	s := newItemsScript(t, p.url(), map[string]string{"TIMEOUT = 10": "TIMEOUT = 0.5", "RETRIES = 5": "RETRIES = 15"},
		"--count", "12", "--rate", "20", "--user", "Ada Лавлейс")
	if code := s.run(); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	sum := s.summary()
	if sum.created != 12 || sum.deleted != 12 || sum.behind != 0 || sum.failed != 0 {
		t.Errorf("%+v", sum)
	}
	if sum.answers[0] == 0 || sum.answers[http.StatusForbidden] == 0 {
		t.Errorf("answers %v, want some calls without an answer and some with a token that has expired", sum.answers)
	}
}

// TestItemsScriptRepeats what may succeed later, and nothing else. The server answers each
// call of a kind with the next of its answers, and with the last one from then on.
func TestItemsScriptRepeats(t *testing.T) {
	t.Parallel()
	const (
		token   = `200 {"token":"a-token"}`
		created = `201 {"item_id":"an-item"}`
		deleted = `200 {"status":"item deleted"}`
	)
	for name, c := range map[string]struct {
		token, create, remove []string
		code                  int
		answers               map[int]int
		say                   string
	}{
		"too many requests": {
			create: []string{`429 {"error":"slow down"}`, created}, answers: map[int]int{200: 2, 201: 1, 429: 1},
			say: "429: slow down: trying again",
		},
		"a token that was refused": {
			create: []string{`403 {"error":"Unauthorized"}`, created}, answers: map[int]int{200: 3, 201: 1, 403: 1},
		},
		"a gateway's page of HTML": {
			token: []string{`502 <html>Bad Gateway</html>`, token}, answers: map[int]int{200: 2, 201: 1, 502: 1},
			say: "POST /api/token: 502",
		},
		"a deletion whose answer was lost": {
			remove: []string{`500 {"error":"cut off"}`, `404 {"error":"Item not found"}`}, answers: map[int]int{200: 1, 201: 1, 404: 1, 500: 1},
		},
		"an item that nobody deleted": {
			remove: []string{`404 {"error":"Item not found"}`}, code: 1, answers: map[int]int{200: 1, 201: 1, 404: 1},
			say: "Item not found: gave up",
		},
		"what the server rejects": {
			create: []string{`422 {"error":"User-ID is too long"}`}, code: 1, answers: map[int]int{200: 1, 422: 1},
			say: "422: User-ID is too long: gave up",
		},
		"an error without end": {
			create: []string{`503 {"error":"away"}`}, code: 1, answers: map[int]int{200: 1, 503: 2},
			say: "503: away: gave up",
		},
		"an answer without the item's id": {
			create: []string{`201 []`}, code: 1, answers: map[int]int{200: 1, 201: 1},
			say: "no item_id in the answer",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex
			calls := map[string][]string{"token": c.token, "create": c.create, "remove": c.remove}
			for kind, answer := range map[string]string{"token": token, "create": created, "remove": deleted} {
				if calls[kind] == nil {
					calls[kind] = []string{answer}
				}
			}
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				mu.Lock()
				defer mu.Unlock()
				kind := map[string]string{"POST /api/token": "token", "POST /api/items": "create", "DELETE /api/items/an-item": "remove"}[r.Method+" "+r.URL.Path]
				answer := calls[kind][0]
				calls[kind] = calls[kind][min(1, len(calls[kind])-1):]
				code, body, _ := strings.Cut(answer, " ")
				status, _ := strconv.Atoi(code)
				w.WriteHeader(status)
				_, _ = w.Write([]byte(body))
			}))
			defer server.Close()
			s := newItemsScript(t, server.URL, map[string]string{"RETRIES = 5": "RETRIES = 1"}, "--count", "1", "--rate", "50")
			if code := s.run(); code != c.code {
				t.Errorf("exit code %d, want %d", code, c.code)
			}
			if got := s.summary().answers; !maps.Equal(got, c.answers) {
				t.Errorf("answers %v, want %v", got, c.answers)
			}
			if !strings.Contains(s.stderr.String(), c.say) {
				t.Errorf("it did not say %q", c.say)
			}
		})
	}
}

// TestItemsScriptWaitsAsAsked: a Retry-After is waited for, and the rate is kept.
func TestItemsScriptWaitsAsAsked(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var at []time.Time
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if at = append(at, time.Now()); len(at) == 1 {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		w.WriteHeader(http.StatusNotFound)
	}))
	defer server.Close()
	s := newItemsScript(t, server.URL, nil, "--count", "3", "--rate", "10")
	if code := s.run(); code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(at) != 4 {
		t.Fatalf("%d calls, want one that was asked to wait, and one for each item", len(at))
	}
	if gap := at[1].Sub(at[0]); gap < time.Second {
		t.Errorf("it came again after %s, want a second at least", gap)
	}
	for i, next := range at[2:] {
		if gap := next.Sub(at[i+1]); gap < 90*time.Millisecond {
			t.Errorf("two calls within %s, want a tenth of a second between them", gap)
		}
	}
}

// TestItemsScriptInterrupted: Ctrl-C leaves no item behind.
func TestItemsScriptInterrupted(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no signal that another process can send as Ctrl-C")
	}
	p := serve(t, nil, dataDir(t)) // with the delay of the default plan
	s := newItemsScript(t, p.url(), nil, "--count", "10000", "--rate", "50")
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(startLimit); itemCalls(t, p.url())[http.StatusCreated] < 3; {
		if time.Now().After(deadline) {
			t.Fatal("it creates no items")
		}
		time.Sleep(20 * time.Millisecond)
	}
	if err := s.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Wait(); err != nil {
		t.Errorf("it ended with %v, want exit code 0", err)
	}
	sum := s.summary()
	if sum.created < 3 || sum.created > 100 || sum.deleted != sum.created || sum.behind != 0 || !strings.HasPrefix(s.stdout.String(), "interrupted") {
		t.Errorf("%+v", sum)
	}
	if server := itemCalls(t, p.url()); !maps.Equal(sum.answers, server) {
		t.Errorf("the script said %v, the server counted %v", sum.answers, server)
	}
}

// TestItemsScriptWithoutAServer says what is wrong, and that nothing was done.
func TestItemsScriptWithoutAServer(t *testing.T) {
	t.Parallel()
	s := newItemsScript(t, "http://127.0.0.1:1", map[string]string{"RETRIES = 5": "RETRIES = 1"}, "--count", "2", "--rate", "50")
	if code := s.run(); code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
	if sum := s.summary(); sum.failed != 2 || sum.answers[0] != 4 || sum.created != 0 {
		t.Errorf("%+v", sum)
	}
	if !strings.Contains(s.stderr.String(), "Connection refused") {
		t.Error("it does not say that the connection was refused")
	}
}

func TestItemsScriptUsedWrongly(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		args []string
		say  string
	}{
		"no URL":        {[]string{"--host", "127.0.0.1:8000"}, "--host"},
		"no port":       {[]string{"--host", "http://127.0.0.1:web"}, "port"},
		"no items":      {[]string{"--count", "0"}, "--count"},
		"no number":     {[]string{"--count", "many"}, "--count"},
		"no rate":       {[]string{"--rate", "0"}, "--rate"},
		"impolite rate": {[]string{"--rate", "51"}, "--rate"},
		"not a rate":    {[]string{"--rate", "nan"}, "--rate"},
		"no directory":  {[]string{"--log", "not/there.jsonl"}, "not/there.jsonl"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newItemsScript(t, "http://127.0.0.1:1", nil, c.args...)
			if code := s.run(); code != 2 {
				t.Errorf("exit code %d, want 2", code)
			}
			if said := s.stderr.String(); !strings.Contains(said, c.say) || strings.Contains(said, "Traceback") {
				t.Errorf("it said %q, want something with %q", said, c.say)
			}
		})
	}
}

// TestItemsScriptIsSmallAndOld: it is short enough to read in a lesson, imports what
// comes with Python alone, and is written in the syntax of Python 3.9.
func TestItemsScriptIsSmallAndOld(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/examples/items.py")
	if err != nil {
		t.Fatal(err)
	}
	lines := 0
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			lines++
		}
	}
	if lines > 70 {
		t.Errorf("it has %d lines, want 70 at most", lines)
	}
	const check = `import ast, sys; ast.parse(open(sys.argv[1], encoding="utf-8").read(), feature_version=(3, 9))`
	if out, err := exec.CommandContext(t.Context(), "python3", "-c", check, "../../docs/examples/items.py").CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	standard := []string{"argparse", "collections", "http.client", "itertools", "json", "random", "signal", "sys", "time", "urllib.parse"}
	for _, found := range regexp.MustCompile(`(?m)^(?:import|from) (.*)$`).FindAllSubmatch(text, -1) {
		for module := range strings.SplitSeq(string(found[1]), ", ") {
			if !slices.Contains(standard, module) {
				t.Errorf("it imports %s, which is not on the list of what comes with Python", module)
			}
		}
	}
}
