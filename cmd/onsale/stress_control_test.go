package main

import (
	"bufio"
	"encoding/json"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"onsale/cmd/onsale/internal/command"
	"onsale/internal/stress/result"
)

// TestStressOfUp starts, watches, changes and stops a run over HTTP, and then reads the saved
// run.
func TestStressOfUp(t *testing.T) {
	t.Parallel()
	p := launch(t, nil, "up", "--listen", "127.0.0.1:0", "--crowd", "0", "--monitor", "off", "--faults", "off", dataDir(t))
	base := p.url()
	p.waitFor(`ready on (http://\S+)`)
	client := newClient()
	// The demo concerts may not exist yet.
	until(t, startLimit, "a concert", func() string {
		if _, body := call(t.Context(), client, http.MethodGet, base+"/concerts", ""); !strings.Contains(string(body), `"id"`) {
			return string(body)
		}
		return ""
	})
	status, body := call(t.Context(), client, http.MethodPost, base+"/stress/runs", `{"users":10,"spawn_rate":100,"host":"http://192.0.2.1"}`)
	if status != http.StatusUnprocessableEntity || !strings.Contains(string(body), "loopback") {
		t.Errorf("%d %s", status, body)
	}
	status, body = call(t.Context(), client, http.MethodPost, base+"/stress/runs", `{"users":10,"spawn_rate":100}`)
	var started struct{ ID string }
	if err := json.Unmarshal(body, &started); status != http.StatusCreated || err != nil || started.ID == "" {
		t.Fatalf("%d %s", status, body)
	}
	if status, body := call(t.Context(), client, http.MethodPost, base+"/stress/runs", `{"users":1}`); status != http.StatusConflict {
		t.Errorf("%d %s", status, body)
	}
	events := stream(t, base+"/stress/events")
	events.await(`"running":true`)
	if status, body := call(t.Context(), client, http.MethodPatch, base+"/stress/runs/current", `{"users":20}`); status != http.StatusAccepted {
		t.Errorf("%d %s", status, body)
	}
	events.await(`"users":20`)
	if status, body := call(t.Context(), client, http.MethodDelete, base+"/stress/runs/current", ""); status != http.StatusAccepted {
		t.Errorf("%d %s", status, body)
	}
	events.await("event: end")
	status, body = call(t.Context(), client, http.MethodGet, base+"/stress/runs/"+started.ID, "")
	var r result.Run
	if err := json.Unmarshal(body, &r); status != http.StatusOK || err != nil || r.Stats.Total.Requests == 0 || r.Ended.IsZero() || r.Books == nil || !r.Books.Agree {
		t.Errorf("%d %v: %d requests, %+v", status, err, r.Stats.Total.Requests, r.Books)
	}
	if status, body := call(t.Context(), client, http.MethodGet, base+"/stress/runs/"+started.ID+"/report.html", ""); status != http.StatusOK || !strings.Contains(string(body), "<svg") {
		t.Errorf("%d, %d bytes", status, len(body))
	}
	// A running load test does not prevent the server from stopping.
	if status, body := call(t.Context(), client, http.MethodPost, base+"/stress/runs", `{"users":5,"spawn_rate":100,"stop_timeout":"30s"}`); status != http.StatusCreated {
		t.Errorf("%d %s", status, body)
	}
	began := time.Now()
	if code := p.terminate(); code != command.ExitOK || time.Since(began) > 10*time.Second {
		t.Errorf("exit code %d after %s", code, time.Since(began))
	}
}

// events is an event stream that is being read.
type events struct {
	t     *testing.T
	lines chan string
}

func stream(t *testing.T, url string) *events {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := (&http.Client{}).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	e := &events{t, make(chan string, 1000)}
	t.Cleanup(func() { answer.Body.Close() })
	go func() {
		defer close(e.lines)
		for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
			e.lines <- lines.Text()
		}
	}()
	return e
}

// await reads until a line has the text.
func (e *events) await(text string) {
	e.t.Helper()
	deadline := time.After(startLimit)
	for {
		select {
		case line, ok := <-e.lines:
			switch {
			case !ok:
				e.t.Fatalf("the stream ended before %s", text)
			case strings.Contains(line, text):
				return
			}
		case <-deadline:
			e.t.Fatalf("no %s within %s", text, startLimit)
		}
	}
}

// TestStressWorkersAddUp runs a load on two workers, and scrapes them.
func TestStressWorkersAddUp(t *testing.T) {
	t.Parallel()
	url, _ := moody(t)
	workers := make([]*process, 0, 2)
	for _, which := range []string{"0/2", "1/2"} {
		workers = append(workers, launch(t, nil, "stress", url, "--rate", "40/s", "-t", "4s", "--worker", which, "--seed", "1",
			"--metrics-addr", "127.0.0.1:0", "--metrics-linger", "20s", "--no-keep"))
	}
	all := 0.0
	for _, p := range workers {
		metrics := p.waitFor(`metrics on (http://\S+)`)
		p.waitFor("a last scrape of the metrics")
		status, body := call(t.Context(), newClient(), http.MethodGet, metrics, "")
		if status != http.StatusOK {
			t.Fatalf("%d %s", status, body)
		}
		n := found(t, `onsale_stress_requests_total\{method="GET",name="/",outcome="ok"\} (\d+)`, string(body))
		if n < 75 || n > 82 {
			t.Errorf("%g requests of one worker, want 80", n)
		}
		all += n
		if !strings.Contains(string(body), `onsale_stress_response_seconds_bucket{method="GET",name="/",le="+Inf"}`) {
			t.Errorf("no histogram in\n%s", body)
		}
		if code := p.code(); code != command.ExitOK && code != command.ExitBottleneck {
			t.Errorf("exit code %d", code)
		}
	}
	if all < 155 || all > 162 {
		t.Errorf("%g requests of both, want 160", all)
	}
}

// TestStressWorkerWithoutWork: a worker without users passes.
func TestStressWorkerWithoutWork(t *testing.T) {
	t.Parallel()
	url, _ := moody(t)
	code, stdout, stderr := storm(t, nil, url, "-u", "2", "-t", "5s", "--worker", "3/4", "--no-keep")
	if code != command.ExitOK || stdout != "" || !strings.Contains(stderr, "worker 3/4 has no users to run; exiting") {
		t.Errorf("exit code %d\n%s\n%s", code, stdout, stderr)
	}
}

// TestStressListen watches a run of `onsale stress` over HTTP, and stops it.
func TestStressListen(t *testing.T) {
	t.Parallel()
	url, _ := moody(t)
	p := launch(t, nil, "stress", url, "--rate", "20/s", "--listen", "127.0.0.1:0", "--no-keep")
	base := p.waitFor(`control on (http://\S+)`)
	// A client that connects and sends nothing does not block the report.
	silent, err := net.Dial("tcp", strings.TrimSuffix(strings.TrimPrefix(base, "http://"), "/stress"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { silent.Close() })
	events := stream(t, base+"/events")
	events.await(`"running":true`)
	if status, body := call(t.Context(), newClient(), http.MethodPatch, base+"/runs/current", `{"users":5}`); status != http.StatusUnprocessableEntity {
		t.Errorf("users in the open model: %d %s", status, body)
	}
	if status, body := call(t.Context(), newClient(), http.MethodDelete, base+"/runs/current", ""); status != http.StatusAccepted {
		t.Errorf("%d %s", status, body)
	}
	if code := p.code(); code != command.ExitOK && code != command.ExitBottleneck {
		t.Errorf("exit code %d", code)
	}
	if !strings.Contains(p.stderr.String(), "Aggregated") {
		t.Errorf("no report in\n%s", p.stderr)
	}
}
