package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// amtool runs Debian's amtool on an Alertmanager, without the check of the two versions.
func amtool(t *testing.T, base string, args ...string) string {
	t.Helper()
	return strings.TrimSpace(mustRun(t, "amtool", append([]string{"--alertmanager.url", base, "--no-version-check"}, args...)...))
}

// writeFile writes a file into a new directory and returns its path.
func writeFile(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// always is a rule file with an alert that always fires, and a recording rule.
const always = `groups:
  - name: always
    interval: 1s
    rules:
      - alert: Always
        expr: vector(1)
        labels: {severity: info}
      - record: instances:up:sum
        expr: sum(up)
`

// awaitAlerting waits until the Alertmanager of a server answers, which is shortly after the
// API does, and returns the URL of the server.
func awaitAlerting(t *testing.T, p *process) (base string) {
	t.Helper()
	base = p.waitFor(`ready on (http://\S+)`)
	c := newClient()
	defer c.CloseIdleConnections()
	until(t, startLimit, "the Alertmanager answers", func() string {
		if status, body := call(t.Context(), c, http.MethodGet, base+"/api/v2/status", ""); status != http.StatusOK {
			return fmt.Sprintf("%d %s", status, body)
		}
		return ""
	})
	return base
}

// awaitAlert waits until amtool shows the alert Always in a state.
func awaitAlert(t *testing.T, base, state string) {
	t.Helper()
	until(t, startLimit, "Always is "+state, func() string {
		out := amtool(t, base, "alert", "query", "--active", "--silenced", "-o", "json", "Always")
		var alerts []struct{ Status struct{ State string } }
		if json.Unmarshal([]byte(out), &alerts) != nil || len(alerts) != 1 || alerts[0].Status.State != state {
			return out
		}
		return ""
	})
}

// TestAmtoolSilences silences an alert with Debian's amtool. The silence outlives a restart of
// the server, until it is expired.
func TestAmtoolSilences(t *testing.T) {
	t.Parallel()
	args := []string{"up", "--crowd", "0", "--rules", writeFile(t, "always.yml", always), dataDir(t), "--listen"}
	up := launch(t, nil, append(args, "127.0.0.1:0")...)
	base := awaitAlerting(t, up)
	awaitAlert(t, base, "active")
	id := amtool(t, base, "silence", "add", "alertname=Always", "--author", "night shift", "--comment", "Known.")
	awaitAlert(t, base, "suppressed")

	up.kill() // a crash must not end the silence either
	up = launch(t, nil, append(args, strings.TrimPrefix(base, "http://"))...)
	awaitAlerting(t, up)
	if out := amtool(t, base, "silence", "query", "alertname=Always"); !strings.Contains(out, id) || !strings.Contains(out, "night shift") {
		t.Errorf("the silence %s did not survive the restart: %s", id, out)
	}
	awaitAlert(t, base, "suppressed")

	amtool(t, base, "silence", "expire", id)
	awaitAlert(t, base, "active")
	if out := amtool(t, base, "silence", "query", "-q"); out != "" {
		t.Errorf("silences are left: %s", out)
	}
	if out := amtool(t, base, "silence", "query", "--expired", "-q"); out != id {
		t.Errorf("silences that ended: %q, want %s", out, id)
	}
}

// adminOfTests is the admin token of the tests.
const adminOfTests = "a-token-for-admins-of-tests"

// TestAmtoolNeedsTheAdminToken: if an admin token is set, amtool can read without it, but
// needs it to silence.
func TestAmtoolNeedsTheAdminToken(t *testing.T) {
	t.Parallel()
	target := httptest.NewServer(new(earlierService))
	defer target.Close()
	monitor := launch(t, []string{"ONSALE_ADMIN_TOKEN=" + adminOfTests},
		"monitor", "--listen", "127.0.0.1:0", "--target", target.URL, dataDir(t))
	base := awaitAlerting(t, monitor)
	silence := []string{"--alertmanager.url", base, "--no-version-check", "silence", "add", "alertname=Always", "--comment", "Known."}
	if out, ok := runTool(t, "", "amtool", silence...); ok {
		t.Errorf("amtool silenced without the token: %s", out)
	}
	if out := amtool(t, base, "silence", "query", "-q"); out != "" {
		t.Errorf("there is a silence: %s", out)
	}
	withToken := writeFile(t, "http.yml", "authorization:\n  credentials: "+adminOfTests+"\n")
	id := mustRun(t, "amtool", append(silence, "--http.config.file", withToken)...)
	if out := amtool(t, base, "silence", "query", "-q"); out == "" || out != strings.TrimSpace(id) {
		t.Errorf("silences %q, want %s", out, id)
	}
}
