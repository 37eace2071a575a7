package main

import (
	"bufio"
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"onsale/internal/pgtest"
)

// automation is a running `onsale automate`. Unlike a server, it writes to standard output.
type automation struct {
	process

	stdout *output
}

// automate starts `onsale automate` against a server.
func automate(tb testing.TB, url string, args ...string) *automation {
	tb.Helper()
	self, err := os.Executable()
	if err != nil {
		tb.Fatal(err)
	}
	a := &automation{process{t: tb, stderr: new(output), exited: make(chan struct{})}, new(output)}
	a.cmd = exec.Command(self, append([]string{"automate", "-H", url, "--force"}, args...)...)
	a.cmd.Env = []string{asMain + "=1"}
	a.cmd.Dir = tb.TempDir()
	a.cmd.Stdout, a.cmd.Stderr = a.stdout, a.stderr
	if err := a.cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	go func() {
		defer close(a.exited)
		_ = a.cmd.Wait()
	}()
	tb.Cleanup(func() {
		a.kill()
		if tb.Failed() {
			tb.Logf("automate wrote:\n%s\n%s", tail(a.stdout.String()), tail(a.stderr.String()))
		}
	})
	return a
}

// summary is the parsed summary that automate writes at the end.
type summary struct {
	answers                        map[int]int // by status; 0 is none
	calls                          int
	failed                         int
	created, deleted, kept, behind int
	recorded, lost                 int
}

var (
	headLine     = regexp.MustCompile(`(?m)^(?:finished|interrupted) after \S+: (\d+) calls,`)
	answersLine  = regexp.MustCompile(`(?m)^answers +(.*)$`)
	failedLine   = regexp.MustCompile(`(?m)^failed +(\d+) operations$`)
	itemsLine    = regexp.MustCompile(`(?m)^items +(\d+) created, (\d+) deleted, (?:(\d+) kept, )?(\d+) left behind$`)
	recordedLine = regexp.MustCompile(`(?m)^recorded +(\d+) calls in .*, (\d+) lost$`)
)

// readSummary reads a summary and checks that it adds up.
func readSummary(t *testing.T, text string) summary {
	t.Helper()
	numbers := func(line *regexp.Regexp, into ...*int) {
		m := line.FindStringSubmatch(text)
		if m == nil {
			t.Fatalf("no line %s in\n%s", line, text)
		}
		for i, number := range into {
			*number, _ = strconv.Atoi(m[i+1])
		}
	}
	s := summary{answers: map[int]int{}}
	numbers(headLine, &s.calls)
	numbers(failedLine, &s.failed)
	numbers(itemsLine, &s.created, &s.deleted, &s.kept, &s.behind)
	if strings.Contains(text, "\nrecorded ") {
		numbers(recordedLine, &s.recorded, &s.lost)
	}
	answers := answersLine.FindStringSubmatch(text)
	if answers == nil {
		t.Fatalf("no answers in\n%s", text)
	}
	sum := 0
	for part := range strings.SplitSeq(answers[1], ", ") {
		name, number, _ := strings.Cut(part, ": ")
		status, _ := strconv.Atoi(name) // "none" is 0
		s.answers[status], _ = strconv.Atoi(number)
		sum += s.answers[status]
	}
	if sum != s.calls {
		t.Errorf("%d answers to %d calls", sum, s.calls)
	}
	return s
}

// itemCalls reads the server's counters of item calls, by status.
func itemCalls(t *testing.T, url string) map[int]int {
	t.Helper()
	c := newClient()
	defer c.CloseIdleConnections()
	status, body := call(t.Context(), c, http.MethodGet, url+"/metrics", "")
	if status != http.StatusOK {
		t.Fatalf("/metrics answered %d", status)
	}
	counts := map[int]int{}
	line := regexp.MustCompile(`(?m)^http_requests_total\{endpoint="/api/[^"]*",method="[A-Z]+",status="(\d+)"\} (\d+)$`)
	for _, m := range line.FindAllStringSubmatch(string(body), -1) {
		status, _ := strconv.Atoi(m[1])
		number, _ := strconv.Atoi(m[2])
		if number > 0 {
			counts[status] += number
		}
	}
	return counts
}

// logLine has the fields of a `--log` line that tests read.
type logLine struct {
	Time     time.Time `json:"time"`
	Status   int       `json:"status"`
	Duration float64   `json:"duration_ms"`
}

// answered returns the time of the answer.
func (l logLine) answered() time.Time {
	return l.Time.Add(time.Duration(l.Duration * float64(time.Millisecond)))
}

func readLog(t *testing.T, text string) (lines []logLine) {
	t.Helper()
	for scanner := bufio.NewScanner(strings.NewReader(text)); scanner.Scan(); {
		var l logLine
		if err := json.Unmarshal(scanner.Bytes(), &l); err != nil {
			t.Fatalf("%v in %s", err, scanner.Text())
		}
		lines = append(lines, l)
	}
	return lines
}

// byStatus counts the lines that pass the filter, by status.
func byStatus(lines []logLine, filter func(logLine) bool) map[int]int {
	counts := map[int]int{}
	for _, l := range lines {
		if filter(l) {
			counts[l.Status]++
		}
	}
	return counts
}

func TestAutomateThroughInjectedErrors(t *testing.T) {
	t.Parallel()
	for name, where := range databases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env, dir := where(t)
			p := serve(t, env, "--faults", "off", dir)
			c := newClient()
			defer c.CloseIdleConnections()
			status, body := call(t.Context(), c, http.MethodPut, p.url()+"/faults",
				`{"routes":{"/api/items":{"error":0.3},"/api/items/{item_id}":{"error":0.3}}}`)
			if status != http.StatusOK {
				t.Fatalf("PUT /faults answered %d %s", status, body)
			}
			a := automate(t, p.url(), "--rate", "200", "--count", "100", "--users", "3", "--keep-ratio", "0.2", "--retries", "15", "--log", "calls.jsonl")
			if code := a.code(); code != 0 {
				t.Errorf("exit code %d, want 0", code)
			}
			s := readSummary(t, a.stdout.String())
			if server := itemCalls(t, p.url()); !maps.Equal(s.answers, server) {
				t.Errorf("summary %v, the server's counters %v", s.answers, server)
			}
			log, err := os.ReadFile(filepath.Join(a.cmd.Dir, "calls.jsonl"))
			if err != nil {
				t.Fatal(err)
			}
			if logged := byStatus(readLog(t, string(log)), func(logLine) bool { return true }); !maps.Equal(s.answers, logged) {
				t.Errorf("summary %v, log %v", s.answers, logged)
			}
			if s.created != 100 || s.deleted+s.kept != 100 || s.kept == 0 || s.behind != 0 || s.failed != 0 || s.answers[500] < 30 || s.recorded != s.calls {
				t.Errorf("%+v", s)
			}
		})
	}
}

// TestAutomateThroughARestartOfTheServer kills the server half-way and starts another one.
// The counters of each must agree with the log lines of its lifetime.
func TestAutomateThroughARestartOfTheServer(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	p := serve(t, nil, "--faults", "off", dir)
	url := p.url()
	// A low rate leaves gaps between the calls. Without delays, no call is in flight when
	// the server is killed in a gap.
	a := automate(t, url, "--rate", "50", "--duration", "6s", "--users", "2", "--retries", "20", "--log", "-")
	time.Sleep(1500 * time.Millisecond)
	first := itemCalls(t, url)
	p.kill()
	killed := time.Now()
	time.Sleep(500 * time.Millisecond)
	again := launch(t, nil, "serve", "--listen", strings.TrimPrefix(url, "http://"), "--faults", "off", dir)
	again.waitFor(`ready on (http://\S+)`)
	if code := a.code(); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	s, lines := readSummary(t, a.stderr.String()), readLog(t, a.stdout.String())
	if len(lines) != s.calls || s.recorded != s.calls || s.lost != 0 {
		t.Errorf("%d lines, summary %+v", len(lines), s)
	}
	answered := func(l logLine) bool { return l.Status != 0 }
	after := byStatus(lines, func(l logLine) bool { return answered(l) && l.answered().After(killed) })
	if second := itemCalls(t, again.url()); !maps.Equal(after, second) {
		t.Errorf("answered after the kill %v, the second server's counters %v", after, second)
	}
	before := byStatus(lines, func(l logLine) bool { return answered(l) && !l.answered().After(killed) })
	for status, counted := range first {
		// The server answered a few more calls between the scrape and the kill.
		if n := before[status]; n < counted || n > counted+50 {
			t.Errorf("answered %d before the kill: %d, the first server's counter was %d", status, n, counted)
		}
	}
	if s.answers[0] < 5 || s.failed != 0 || s.behind != 0 || s.created < 50 {
		t.Errorf("summary %+v", s)
	}
}

func TestAutomateWhilePostgresIsKilled(t *testing.T) {
	t.Parallel()
	pg := pgtest.Start(t)
	database := pg.WithPassword(pg.Database(t))
	config, err := pgx.ParseConfig(database)
	if err != nil {
		t.Fatal(err)
	}
	p := serve(t, nil, "--faults", "off", dataDir(t))
	a := automate(t, p.url(), "--rate", "100", "--duration", "2s", "--record", database, "--log-level", "debug")
	time.Sleep(time.Second)
	if err := pg.Kill(); err != nil {
		t.Fatal(err)
	}
	if code := a.code(); code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
	s := readSummary(t, a.stdout.String())
	if s.recorded == 0 || s.lost == 0 || s.recorded+s.lost != s.calls || s.failed != 0 || s.behind != 0 || s.calls < 150 {
		t.Errorf("%+v", s)
	}
	if server := itemCalls(t, p.url()); !maps.Equal(s.answers, server) {
		t.Errorf("summary %v, the server's counters %v", s.answers, server)
	}
	if strings.Contains(a.stdout.String()+a.stderr.String(), config.Password) {
		t.Error("the password was written")
	}
	if err := pg.Start(); err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	var rows int
	if err := conn.QueryRow(t.Context(), `SELECT count(*) FROM onsale.automate_calls`).Scan(&rows); err != nil {
		t.Fatal(err)
	}
	// The last batch can have been written, although it is counted as lost.
	if rows < s.recorded || rows > s.recorded+s.lost {
		t.Errorf("%d rows, summary %+v", rows, s)
	}
}

func TestAutomateInterrupted(t *testing.T) {
	t.Parallel()
	p := serve(t, nil, dataDir(t)) // with the delay of the default plan
	a := automate(t, p.url(), "--rate", "40", "--duration", "1h")
	time.Sleep(2 * time.Second)
	begin := time.Now()
	if err := a.cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if code := a.code(); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("it took %s to stop", took)
	}
	s := readSummary(t, a.stdout.String())
	if s.created < 20 || s.deleted != s.created || s.behind != 0 || s.failed != 0 || !strings.HasPrefix(a.stdout.String(), "interrupted") {
		t.Errorf("%+v", s)
	}
	if server := itemCalls(t, p.url()); !maps.Equal(s.answers, server) {
		t.Errorf("summary %v, the server's counters %v", s.answers, server)
	}
}

func TestAutomateWithoutAServerEndsWithAnAnswer(t *testing.T) {
	t.Parallel()
	a := automate(t, "http://127.0.0.1:1", "--count", "3", "--rate", "100", "--retries", "1")
	if code := a.code(); code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
	// Without a token, no item was requested.
	if s := readSummary(t, a.stdout.String()); s.failed != 3 || s.answers[0] != 6 || s.created != 0 {
		t.Errorf("%+v", s)
	}
	tolerant := automate(t, "http://127.0.0.1:1", "--count", "3", "--rate", "100", "--retries", "1", "--max-failures", "3")
	if code := tolerant.code(); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
}

// TestAutomateCutOffByTheEnd never reaches a server, and still has retries left when its time
// is over. That is a failure.
func TestAutomateCutOffByTheEnd(t *testing.T) {
	t.Parallel()
	a := automate(t, "http://127.0.0.1:1", "--duration", "2s", "--retries", "20")
	if code := a.code(); code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
	if text := a.stdout.String(); !strings.Contains(text, "waiting for a retry at the end") {
		t.Errorf("the summary does not report it:\n%s", text)
	}
}

// TestAutomateWhoseReaderHangsUp logs to a pipe whose reader closes it. The calls are counted
// as lost, and no item is left behind.
func TestAutomateWhoseReaderHangsUp(t *testing.T) {
	t.Parallel()
	p := serve(t, nil, dataDir(t), "--faults", "off")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "automate", "-H", p.url(), "--rate", "20", "--count", "20", "--log", "-")
	cmd.Env = []string{asMain + "=1"}
	stderr := new(output)
	cmd.Stderr = stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := bufio.NewReader(stdout).ReadString('\n'); err != nil {
		t.Error(err)
	}
	_ = stdout.Close()
	_ = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 1 {
		t.Errorf("exit code %d, want 1: calls were lost\n%s", code, stderr)
	}
	if s := readSummary(t, stderr.String()); s.created != 20 || s.deleted != 20 || s.lost == 0 {
		t.Errorf("%+v", s)
	}
}

// TestAutomateLogThatEndsInHalfALine continues on a new line.
func TestAutomateLogThatEndsInHalfALine(t *testing.T) {
	t.Parallel()
	p := serve(t, nil, dataDir(t), "--faults", "off")
	log := filepath.Join(t.TempDir(), "calls.jsonl")
	if err := os.WriteFile(log, []byte(`{"time":"2026-01-0`), 0o600); err != nil {
		t.Fatal(err)
	}
	if a := automate(t, p.url(), "--rate", "50", "--count", "2", "--log", log); a.code() != 0 {
		t.Errorf("the output is %s", a.stderr)
	}
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	for i, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		if valid := json.Valid([]byte(line)); valid != (i > 0) {
			t.Errorf("line %d: %s", i, line)
		}
	}
}

func TestAutomateUsedWrongly(t *testing.T) {
	t.Parallel()
	url := server.Database(t)
	for name, c := range map[string]struct {
		args []string
		say  string
	}{
		"two records":     {[]string{"--log", "x", "--record", "postgres://u:" + secret + "@h/d"}, "choose one"},
		"rate too high":   {[]string{"--rate", "51"}, "--force"},
		"no number":       {[]string{"--rate", "fast"}, "--rate"},
		"no such flag":    {[]string{"--speed", "1"}, "--speed"},
		"no URL":          {[]string{"-H", "here"}, "--host"},
		"password in URL": {[]string{"-H", "http://u:" + secret + "@h"}, "--host"},
		"no directory":    {[]string{"--log", "not/there"}, "--log"},
		"no database":     {[]string{"--record", "mysql://u:" + secret + "@h/d"}, "--record"},
		"wrong password":  {[]string{"--record", withUser(t, url, secret)}, "password authentication failed"},
		"time-out":        {[]string{"--timeout", "0s"}, "--timeout"},
		"failures":        {[]string{"--max-failures", "-1"}, "--max-failures"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := launch(t, nil, append([]string{"automate"}, c.args...)...)
			if code := p.code(); code != 2 {
				t.Errorf("exit code %d, want 2", code)
			}
			if line := oneLine(t, p); !strings.Contains(line, c.say) {
				t.Errorf("said %q, want something with %q", line, c.say)
			}
		})
	}
}
