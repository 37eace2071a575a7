package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"onsale/cmd/onsale/internal/command"
)

// TestSmokeExitCodes tries a running server, and the same when it has ended.
func TestSmokeExitCodes(t *testing.T) {
	t.Parallel()
	token := []string{"ONSALE_ADMIN_TOKEN=" + adminTokenOfTheTest}
	p := serve(t, token, dataDir(t))
	try := func(env []string, args ...string) (int, string) {
		t.Helper()
		tried := launch(t, env, append([]string{"smoke"}, args...)...)
		return tried.code(), tried.stderr.String()
	}
	if code, said := try(token, p.url()); code != command.ExitOK || !strings.Contains(said, "bought 1 ticket") || !strings.Contains(said, "refunded it") {
		t.Errorf("exit code %d, said %s", code, said)
	}
	if code, said := try(nil, p.url()); code != command.ExitFailure || !strings.HasPrefix(said, "onsale: smoke test failed: make a concert: ") {
		t.Errorf("without the token: exit code %d, said %s", code, said)
	}
	if code, said := try(nil, "--host", p.url()); code != command.ExitUsage || !strings.Contains(said, "give the URL without a flag") {
		t.Errorf("--host: exit code %d, said %s", code, said)
	}
	if code, said := try(nil, "127.0.0.1:8000"); code != command.ExitUsage || strings.Count(said, "\n") != 1 {
		t.Errorf("no URL: exit code %d, said %s", code, said)
	}
	p.kill()
	if code, said := try(token, p.url(), "--wait=0s"); code != command.ExitFailure || !strings.Contains(said, "not ready") {
		t.Errorf("after its end: exit code %d, said %s", code, said)
	}
}

// A token from the environment can belong to another server, so it does not leave this machine in plain
// text. A token that the command line names does. A proxy records which tokens arrive.
func TestSmokeTokenOfTheEnvironmentStaysHere(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(adminTokenOfTheTest), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		env, flags []string
		sent       bool
	}{
		"token in the environment": {[]string{"ONSALE_ADMIN_TOKEN=" + adminTokenOfTheTest}, nil, false},
		"file in the environment":  {[]string{"ONSALE_ADMIN_TOKEN_FILE=" + file}, nil, false},
		"file on the command line": {nil, []string{"--admin-token-file", file}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			seen := make(chan string, 9)
			proxy := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen <- r.Header.Get("Authorization") }))
			defer proxy.Close()
			p := launch(t, append([]string{"HTTP_PROXY=" + proxy.URL}, c.env...), append([]string{"smoke", "http://192.0.2.1", "--wait=0s"}, c.flags...)...)
			if code, said := p.code(), p.stderr.String(); code != command.ExitFailure || strings.Contains(said, "--admin-token-file sends it") == c.sent {
				t.Errorf("exit code %d, said %s", code, said)
			}
			close(seen)
			sent := false
			for header := range seen {
				sent = sent || strings.Contains(header, adminTokenOfTheTest)
			}
			if sent != c.sent {
				t.Errorf("the token was sent: %t, want %t", sent, c.sent)
			}
		})
	}
}

// The test of the Helm chart calls this binary as it can be called.
func TestChartsTestIsACommand(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../deploy/helm/onsale/templates/tests/buy.yaml")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`(?m)^ +args: \[(.+)\]$`).FindSubmatch(text)
	if found == nil {
		t.Fatal("the pod has no arguments")
	}
	args := strings.Split(strings.ReplaceAll(string(found[1]), `"`, ""), ", ")
	var c cli
	parser, err := newParser(&c, kong.Exit(func(int) {}))
	if err != nil {
		t.Fatal(err)
	}
	if parsed, err := parser.Parse(args); err != nil || parsed.Command() != "smoke <url>" {
		t.Errorf("%q: %v", args, err)
	}
}
