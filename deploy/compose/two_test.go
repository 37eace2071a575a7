//go:build world && linux

package compose_test

import (
	"context"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// testTwoContainers runs the commands of docs/compose.md for a Prometheus and a Grafana alone, with a server
// outside of containers in the place of the other machine.
func testTwoContainers(t *testing.T, s *stack) {
	t.Helper()
	onsale, err := filepath.Abs(filepath.Join(root, "bin", "onsale"))
	if err != nil {
		t.Fatal(err)
	}
	api := serve(t, onsale, s.e.Gateway(t))
	name := s.e.Name("watch")
	t.Cleanup(func() {
		_, _ = s.e.Run(context.WithoutCancel(t.Context()), "network", "rm", name) // the containers are gone by then
	})
	for _, container := range []string{"prometheus", "grafana"} {
		s.e.Remove(t, "container", name+"-"+container)
	}
	script := strings.NewReplacer(
		"cd ../..\n", "", "make build\n", "", "bin/onsale", onsale, "http://10.0.0.7:8000", api,
		"127.0.0.1:9090:", "127.0.0.1::", "127.0.0.1:3000:", "127.0.0.1::",
		"onsale-watch", name, "onsale-prometheus", name+"-prometheus", "onsale-grafana", name+"-grafana",
	).Replace(section(t, "Two containers only"))
	cmd := exec.CommandContext(t.Context(), "bash", "-euc", script)
	cmd.Dir, cmd.Env = t.TempDir(), s.e.Environ()
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s\n%s", err, script, out)
	}
	prometheus := "http://" + s.e.Docker(t, "port", name+"-prometheus", "9090/tcp")
	poll(t, patience, func() string {
		if got := query(t, prometheus, `up{job="ticket_system"} and on (instance) onsale_build_info`); got != "1" {
			return "Prometheus scrapes nothing"
		}
		return ""
	})
	if _, body := call(t, http.MethodGet, prometheus+"/api/v1/rules", ""); !strings.Contains(body, `"HighFailureRate"`) {
		t.Errorf("Prometheus has the rules %.300s", body)
	}
	grafana := "http://" + s.e.Docker(t, "port", name+"-grafana", "3000/tcp")
	poll(t, patience, func() string {
		if status, body := call(t, http.MethodGet, grafana+"/api/health", ""); status != http.StatusOK {
			return body
		}
		return ""
	})
	for file, want := range map[string]string{
		"provisioning/datasources/prometheus.yaml": `url: "http://prometheus:9090"`,
		"provisioning/dashboards/onsale.yaml":      "path: /etc/grafana/dashboards",
		"dashboards/tickets.json":                  `"uid": "onsale-tickets"`,
	} {
		if text := s.e.Docker(t, "exec", name+"-grafana", "cat", "/etc/grafana/"+file); !strings.Contains(text, want) {
			t.Errorf("Grafana's %s has no %s", file, want)
		}
	}
}

// section returns the commands of a section of docs/compose.md.
func section(t *testing.T, title string) string {
	t.Helper()
	_, text, found := strings.Cut(string(read(t, root+"/docs/compose.md")), "\n## "+title+"\n")
	text, _, _ = strings.Cut(text, "\n## ")
	var commands strings.Builder
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(text, -1) {
		commands.WriteString(block[1])
	}
	if !found || strings.Count(commands.String(), "docker run ") != 2 {
		t.Fatalf("the section %s has the commands:\n%s", title, &commands)
	}
	return commands.String()
}

// serve runs the API at an address that containers reach, until the test ends.
func serve(t *testing.T, onsale, host string) (url string) {
	t.Helper()
	listener, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	_ = listener.Close() // the server listens in its place
	cmd := exec.CommandContext(t.Context(), onsale, "serve", "--listen", address, "--data-dir", t.TempDir())
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Wait() }) // the end of the context has ended it
	return "http://" + address
}
