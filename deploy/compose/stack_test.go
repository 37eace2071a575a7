//go:build world && linux

package compose_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"onsale/internal/dockertest"
	"onsale/internal/monitor/discord/discordtest"
)

const (
	// root is the top of the repository.
	root = "../.."
	// patience is how long something may take on a busy machine.
	patience = 3 * time.Minute
)

// stack is the Compose project of a test. Its ports are free ones.
type stack struct {
	e       *dockertest.Engine
	project string
	flags   []string
	// targets and rules are the directories for those of the user's own.
	targets, rules string

	// hook is the Discord that the first start has, and healthy the time of its end.
	hook    *discordtest.Receiver
	healthy time.Time
	// kept is a purchase of the first start.
	kept purchase
	env  map[string]string
}

// purchase is what a buyer has in hand.
type purchase struct{ concert, id string }

// newStack builds the images, and prepares a project that is removed after the test. The engine that
// belongs to the test gets stand-ins for the images of a registry.
func newStack(t *testing.T, e *dockertest.Engine) *stack {
	t.Helper()
	dir := t.TempDir()
	s := &stack{e: e, project: e.Name("compose"), env: map[string]string{
		"ONSALE_IMAGE": e.Name("compose-onsale"), "ALERTS": "prometheus", "DISCORD_URL": "", "DISCORD_MENTION": "", "CROWD": "25",
		"STRESS_USERS": "20", "STRESS_SPAWN_RATE": "20", "STRESS_RUN_TIME": "10s",
		"API_PORT": "", "PROMETHEUS_PORT": "", "ALERTMANAGER_PORT": "", "RECEIVER_PORT": "", "GRAFANA_PORT": "",
	}}
	e.Docker(t, "build", "--target", "prebuilt", "--tag", s.env["ONSALE_IMAGE"], root)
	e.Remove(t, "image", s.env["ONSALE_IMAGE"])

	// The passwords are created as a user creates them, next to a copy of the example.
	write(t, filepath.Join(dir, ".env.example"), read(t, ".env.example"))
	s.bash(t, "scripts/k8s-secrets.sh", dir)
	s.flags = []string{"--project-name", s.project, "--env-file", filepath.Join(dir, ".env"), "--file", "compose.yaml"}
	s.targets, s.rules = t.TempDir(), t.TempDir()
	s.flags = append(s.flags, "--file", s.merged(t, dir))
	if e.Own() {
		s.bash(t, "scripts/standins.sh")
	}
	t.Cleanup(func() {
		if t.Failed() {
			out, _ := s.command(context.WithoutCancel(t.Context()), "logs", "--tail", "40").CombinedOutput() // as far as there are any
			t.Logf("the containers say:\n%s", out)
		}
		if out, err := s.command(context.WithoutCancel(t.Context()), "--profile", "*", "down", "--volumes", "--remove-orphans").CombinedOutput(); err != nil {
			t.Errorf("down: %v\n%s", err, out)
		}
	})
	return s
}

// merged writes a file that is merged into compose.yaml: targets and rules are in directories of the test. With
// stand-ins, Debian's Prometheus does not know one of the settings, and the name of the network's bridge lets
// another test remove what a killed one has left.
func (s *stack) merged(t *testing.T, dir string) string {
	t.Helper()
	volumes, networks := []string{s.targets + ":/etc/prometheus/targets:ro", s.rules + ":/etc/prometheus/rules:ro"}, ""
	if s.e.Own() {
		const newer = "    scrape_native_histograms: true\n"
		config := string(read(t, "prometheus.yml"))
		if strings.Count(config, newer) != 1 {
			t.Fatalf("prometheus.yml has %d lines %q, want 1", strings.Count(config, newer), newer)
		}
		prometheus := filepath.Join(dir, "prometheus.yml")
		write(t, prometheus, []byte(strings.Replace(config, newer, "", 1)))
		volumes = append(volumes, prometheus+":/etc/prometheus/prometheus.yml:ro")
		networks = "networks: {default: {driver_opts: {com.docker.network.bridge.name: " + dockertest.NetworkBridge() + "}}}\n"
	}
	file := filepath.Join(dir, "merged.yaml")
	write(t, file, fmt.Appendf(nil, "services: {prometheus: {volumes: [%s]}}\n%s", strings.Join(volumes, ", "), networks))
	return file
}

// write writes a file that containers may read.
func write(t *testing.T, name string, content []byte) {
	t.Helper()
	if err := os.WriteFile(name, content, 0o644); err != nil {
		t.Fatal(err)
	}
}

// bash runs a script of the repository.
func (s *stack) bash(t *testing.T, script string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "bash", append([]string{filepath.Join(root, script)}, args...)...)
	cmd.Env = s.e.Environ()
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", script, err, out)
	}
}

// command returns a command of Docker Compose.
func (s *stack) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(root, "bin", "docker-compose"), slices.Concat(s.flags, args)...)
	cmd.Env = append(s.e.Environ(), "COMPOSE_PROGRESS=quiet")
	for name, value := range s.env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	return cmd
}

// compose runs a command of Docker Compose that must succeed, and returns its standard output.
func (s *stack) compose(t *testing.T, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var stdout, stderr bytes.Buffer
	cmd := s.command(ctx, args...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("docker compose %s: %v\n%s%s", strings.Join(args, " "), err, &stdout, &stderr)
	}
	return strings.TrimSpace(stdout.String())
}

// up starts everything with other settings, and waits until all of it is healthy.
func (s *stack) up(t *testing.T, settings map[string]string) {
	t.Helper()
	maps.Copy(s.env, settings)
	pull := "missing"
	if s.e.Own() {
		pull = "never"
	}
	began := time.Now()
	s.compose(t, "up", "--wait", "--no-build", "--pull", pull)
	t.Logf("everything is healthy after %s", time.Since(began).Round(time.Second))
}

// url returns the address that a port of a service is published at.
func (s *stack) url(t *testing.T, service, port string) string {
	t.Helper()
	return "http://" + s.compose(t, "port", service, port)
}

// inspect returns a part of what the engine knows of a service's container.
func (s *stack) inspect(t *testing.T, service, format string) string {
	t.Helper()
	return s.e.Docker(t, "inspect", "--format", format, s.compose(t, "ps", "--quiet", service))
}

// discord starts a Discord at an address that containers reach, and returns the URL of its webhook.
func (s *stack) discord(t *testing.T) (hook *discordtest.Receiver, webhook string) {
	t.Helper()
	listener, err := net.Listen("tcp", net.JoinHostPort(s.e.Gateway(t), "0"))
	if err != nil {
		t.Fatal(err)
	}
	hook = discordtest.New()
	server := httptest.NewUnstartedServer(hook)
	_ = server.Listener.Close() // the one in its place is not on loopback
	server.Listener = listener
	server.Start()
	t.Cleanup(server.Close)
	return hook, server.URL + discordtest.Path
}

// caller makes the calls of the tests.
var caller = &http.Client{Timeout: patience}

// call makes a request and returns the status and the body of the answer. Headers are NAME, VALUE and so on;
// Host is one.
func call(t *testing.T, method, url, body string, headers ...string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	request.Host = request.Header.Get("Host")
	answer, err := caller.Do(request)
	if err != nil {
		return 0, err.Error()
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return 0, err.Error()
	}
	return answer.StatusCode, string(text)
}

// poll asks until the answer is the empty string, and fails with the last one.
func poll(t *testing.T, limit time.Duration, ask func() string) {
	t.Helper()
	retry := time.NewTicker(500 * time.Millisecond)
	defer retry.Stop()
	deadline := time.Now().Add(limit)
	for why := ask(); why != ""; why = ask() {
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %s", limit, why)
		}
		<-retry.C
	}
}

// field returns a field of a JSON object in its own words.
func field(t *testing.T, body, name string) string {
	t.Helper()
	var object map[string]json.RawMessage
	if err := json.Unmarshal([]byte(body), &object); err != nil || object[name] == nil {
		t.Fatalf("no field %s in %s: %v", name, body, err)
	}
	return strings.Trim(string(object[name]), `"`)
}
