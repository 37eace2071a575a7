package main

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"

	"onsale/cmd/onsale/internal/command"
	"onsale/internal/app"
)

// vmFile returns the content of a file in deploy/aws.
func vmFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile("../../deploy/aws/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// writeUnit writes the unit with a program that exists, and returns its path.
func writeUnit(t *testing.T, unit string) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return writeFile(t, "onsale.service", strings.ReplaceAll(unit, "/usr/local/bin/onsale", self))
}

// swap replaces a text, which must exist.
func swap(t *testing.T, text, from, to string) string {
	t.Helper()
	if !strings.Contains(text, from) {
		t.Fatalf("there is no %q in\n%s", from, text)
	}
	return strings.Replace(text, from, to, 1)
}

// TestUnitIsWellFormed verifies the unit with systemd. Any warning fails the test, because
// systemd ignores settings that it does not support.
func TestUnitIsWellFormed(t *testing.T) {
	t.Parallel()
	verify := func(unit string) string {
		out, ok := runTool(t, "", "systemd-analyze", "verify", "--man=no", "--recursive-errors=no", writeUnit(t, unit))
		if !ok && out == "" {
			out = "failed"
		}
		return out
	}
	unit := vmFile(t, "onsale.service")
	if said := verify(unit); said != "" {
		t.Errorf("systemd warns about the unit: %s", said)
	}
	for name, broken := range map[string]string{
		"a misspelled setting": swap(t, unit, "ProtectSystem=", "ProtectSytem="),
		"a wrong value":        swap(t, unit, "TimeoutStopSec=35", "TimeoutStopSec=soon"),
		"an unknown call":      swap(t, unit, "@privileged", "@priviledged"),
		"no program":           swap(t, unit, "ExecStart=", "ExecStart=/nowhere"),
	} {
		if said := verify(broken); said == "" {
			t.Errorf("systemd reports no error for %s", name)
		}
	}
}

// TestUnitIsConfined checks the exposure level of the service that systemd computes, from 0 to
// 100. Units without protection get 96.
func TestUnitIsConfined(t *testing.T) {
	t.Parallel()
	const most = "15"
	confined := func(unit string) bool {
		out, ok := runTool(t, "", "systemd-analyze", "security", "--offline=true", "--no-pager", "--threshold="+most, writeUnit(t, unit))
		if !strings.Contains(out, "Overall exposure level") {
			t.Fatalf("systemd computed no exposure level: %s", out)
		}
		return ok
	}
	unit := vmFile(t, "onsale.service")
	if !confined(unit) {
		t.Errorf("the exposure level of the service is above %s", most)
	}
	for _, line := range []string{"SystemCallFilter=@system-service\nSystemCallFilter=~@privileged @resources\nSystemCallFilter=setpriority\n", "CapabilityBoundingSet=\n"} {
		if confined(swap(t, unit, line, "")) {
			t.Errorf("without %q the exposure level of the service is still at most %s", line, most)
		}
	}
}

// settings returns the values of a setting of the unit.
func settings(unit, name string) (values []string) {
	for _, found := range regexp.MustCompile(`(?m)^`+name+`=(.*)$`).FindAllStringSubmatch(unit, -1) {
		values = append(values, found[1])
	}
	return values
}

// setting returns the only value of a setting of the unit.
func setting(t *testing.T, unit, name string) string {
	t.Helper()
	values := settings(unit, name)
	if len(values) != 1 {
		t.Fatalf("the unit sets %s to %q, want one value", name, values)
	}
	return values[0]
}

// TestUnitRunsTheProgram starts the program like the unit: with its command line and its
// environment. Test directories replace the specifiers.
func TestUnitRunsTheProgram(t *testing.T) {
	t.Parallel()
	unit := vmFile(t, "onsale.service")
	start := words(setting(t, unit, "ExecStart"))
	parser, err := newParser(new(cli), kong.Exit(func(int) {}))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parser.Parse(start[1:]); err != nil || start[0] != "/usr/local/bin/onsale" {
		t.Fatalf("ExecStart=%q: %v", start, err)
	}
	state, credentials := t.TempDir(), t.TempDir()
	name, file, _ := strings.Cut(setting(t, unit, "LoadCredential"), ":")
	if file != "/etc/onsale/admin-token" {
		t.Errorf("LoadCredential reads %s, but install.sh writes another file", file)
	}
	token := strings.Repeat("t", 32)
	if err := os.WriteFile(filepath.Join(credentials, name), []byte(token), 0o600); err != nil {
		t.Fatal(err)
	}
	var env []string
	listens := false
	for _, value := range settings(unit, "Environment") {
		listens = listens || value == "ONSALE_LISTEN=:5000"
		env = append(env, strings.NewReplacer("%S", state, "%d", credentials, ":5000", "127.0.0.1:0").Replace(value))
	}
	if !listens {
		t.Errorf("the unit does not listen on port 5000: %q", env)
	}
	p := launch(t, env, start[1:]...)
	url := p.waitFor(`ready on (http://\S+)`)
	if strings.HasSuffix(url, ":8000") {
		t.Errorf("ONSALE_LISTEN is not read: the server is at %s", url)
	}
	if _, err := os.Stat(filepath.Join(state, setting(t, unit, "StateDirectory"), "onsale.db")); err != nil {
		t.Errorf("the database is not in the state directory: %v", err)
	}
	client := newClient()
	defer client.CloseIdleConnections()
	for bearer, want := range map[string]int{token: http.StatusOK, strings.Repeat("u", 32): http.StatusUnauthorized} {
		if status, body := call(t.Context(), client, http.MethodGet, url+"/books", "", "Authorization", "Bearer "+bearer); status != want {
			t.Errorf("with the token %s: %d %s, want %d", bearer, status, body, want)
		}
	}
	if code := p.terminate(); code != command.ExitOK {
		t.Errorf("SIGTERM ends the program with code %d", code)
	}
}

// TestUnitWaitsForTheStop: systemd must not kill a server before its stop timeout, and must not
// restart one with invalid settings.
func TestUnitWaitsForTheStop(t *testing.T) {
	t.Parallel()
	unit, o := vmFile(t, "onsale.service"), app.DefaultOptions()
	waits, err := time.ParseDuration(setting(t, unit, "TimeoutStopSec") + "s")
	// docs/architecture.md has the sum.
	if stop := o.DrainDelay + o.ShutdownTimeout + 14*time.Second; err != nil || waits <= stop {
		t.Errorf("systemd kills the server after %s (%v), but a stop can take %s", waits, err, stop)
	}
	if setting(t, unit, "Restart") != "always" || setting(t, unit, "RestartPreventExitStatus") != "2" || command.ExitUsage != 2 {
		t.Error("a server with invalid settings is restarted, or a crashed one is not")
	}
	if p := launch(t, []string{"ONSALE_LISTEN=nowhere"}, "serve"); p.code() != command.ExitUsage {
		t.Errorf("an invalid setting ends the server with code %d, want %d", p.code(), command.ExitUsage)
	}
}
