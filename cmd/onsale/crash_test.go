package main

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"onsale/cmd/onsale/internal/command"
)

// TestCrash crashes the process with the fault plan and restarts it. It does not crash again,
// although the plan is stored.
func TestCrash(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	up := launch(t, nil, "up", "--listen", "127.0.0.1:0", "--crowd", "0", dir)
	up.waitFor(`ready on (http://\S+)`)
	client := newClient()
	defer client.CloseIdleConnections()
	child := up.child()
	crash(t, client, up.url(), `{"crash":true}`)
	if code := up.code(); code != command.ExitCrash {
		t.Errorf("exit code %d, want %d", code, command.ExitCrash)
	}
	if said := up.stderr.String(); !strings.Contains(said, "crashing because of the fault plan") || strings.Contains(said, "shutting down") {
		t.Errorf("the log is\n%s", said)
	}
	again := launch(t, nil, "up", "--listen", "127.0.0.1:0", "--crowd", "0", dir)
	again.waitFor(`ready on (http://\S+)`)
	if child != 0 {
		awaitEnd(child)
	}
	stillSells(t, client, again)
}

// TestCrashOfReplicas: all running replicas crash once. Those that replace them do not.
func TestCrashOfReplicas(t *testing.T) {
	t.Parallel()
	env := database(server.Database(t))
	one, two := serve(t, env), serve(t, env)
	client := newClient()
	defer client.CloseIdleConnections()
	crash(t, client, one.url(), `{"crash":{"after":"1s"}}`)
	for _, p := range []*process{one, two} {
		if code := p.code(); code != command.ExitCrash {
			t.Errorf("exit code %d, want %d:\n%s", code, command.ExitCrash, p.stderr)
		}
	}
	again := []*process{serve(t, env), serve(t, env)}
	for _, p := range again {
		stillSells(t, client, p)
	}
	if status, body := call(t.Context(), client, http.MethodGet, again[0].url()+"/metrics", ""); status != http.StatusOK ||
		!strings.Contains(string(body), `onsale_faults_injected_total{fault="crash"} 0`) {
		t.Errorf("%d: the crash is counted again", status)
	}
}

// TestNoCrashFromAFile: such a server would crash at every start.
func TestNoCrashFromAFile(t *testing.T) {
	t.Parallel()
	p := launch(t, nil, "serve", "--listen", "127.0.0.1:0", dataDir(t), "--faults", writeFile(t, "faults.json", `{"crash":{"after":"1s"}}`))
	if code := p.code(); code != command.ExitUsage || !strings.Contains(p.stderr.String(), "crash must be left out") {
		t.Errorf("exit code %d: %s", code, p.stderr)
	}
}

// crash makes a process crash. It answers the call first.
func crash(t *testing.T, client *http.Client, url, patch string) {
	t.Helper()
	if status, body := call(t.Context(), client, http.MethodPatch, url+"/faults", patch); status != http.StatusOK || !strings.Contains(string(body), `"active":["crash"`) {
		t.Fatalf("PATCH /faults %s: %d %s", patch, status, body)
	}
}

// stillSells fails the test if a process crashes again, or has lost the default plan.
func stillSells(t *testing.T, client *http.Client, p *process) {
	t.Helper()
	select {
	case <-p.exited:
		t.Errorf("ended again:\n%s", p.stderr)
		return
	case <-time.After(2 * time.Second): // longer than the interval at which the plan is polled
	}
	status, body := call(t.Context(), client, http.MethodPatch, p.url()+"/faults", `{"database":null}`)
	if status != http.StatusOK || !strings.Contains(string(body), "/buy/{concert_id} delay 1s to 4s") || strings.Contains(string(body), "crash") {
		t.Errorf("PATCH /faults: %d %s", status, body)
	}
}
