package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"onsale/cmd/onsale/internal/command"
	"onsale/internal/catalog"
)

// webhookMessage has the fields of a webhook message of Alertmanager that tests read.
type webhookMessage struct {
	Receiver string
	Alerts   []struct {
		Status string
		Labels map[string]string
	}
}

// TestFilesOfTheUser passes a scrape job, rules and a webhook in files to `onsale monitor`, and
// checks that all three work.
func TestFilesOfTheUser(t *testing.T) {
	t.Parallel()
	target, messages := httptest.NewServer(new(earlierService)), make(chan webhookMessage, 100)
	defer target.Close()
	webhook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var m webhookMessage
		if body, err := io.ReadAll(r.Body); err == nil && json.Unmarshal(body, &m) == nil {
			messages <- m
		}
	}))
	defer webhook.Close()

	config := writeFile(t, "prometheus.yml", fmt.Sprintf(`global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [more-*.yml]
scrape_configs:
  - job_name: shop
    static_configs: [{targets: [%q]}]
`, strings.TrimPrefix(target.URL, "http://")))
	more := filepath.Join(filepath.Dir(config), "more-rules.yml")
	if err := os.WriteFile(more, []byte("groups: [{name: more, rules: [{record: 'shop:up:sum', expr: 'sum(up{job=\"shop\"})'}]}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	monitor := launch(t, nil, "monitor", "--listen", "127.0.0.1:0", "--pace", "demo", "--target", target.URL, dataDir(t),
		"--prometheus-config", config, "--rules", writeFile(t, "always.yml", always),
		"--alertmanager-config", writeFile(t, "alertmanager.yml", fmt.Sprintf(`route:
  receiver: desk
  group_wait: 1s
receivers:
  - name: desk
    webhook_configs: [{url: %q}]
`, webhook.URL)))
	w := watch(t, awaitAlerting(t, monitor))
	for query, want := range map[string]string{
		`up{job="shop"}`:          "1", // the job of the file
		`up{job="ticket_system"}`: "1", // the built-in job
		"shop:up:sum":             "1", // the rules that the file names
		"instances:up:sum":        "2", // the rules of the flag
	} {
		w.answers(t, query, want)
	}
	rulesAreHealthy(t, w, catalog.Demo(), "Always")
	until(t, startLimit, "the webhook gets the message", func() string {
		select {
		case m := <-messages:
			if m.Receiver == "desk" && len(m.Alerts) == 1 && m.Alerts[0].Status == "firing" && m.Alerts[0].Labels["alertname"] == "Always" {
				return ""
			}
			return fmt.Sprintf("%+v", m)
		default:
			return "nothing came"
		}
	})
}

// answers waits until a query for one series has a value.
func (w *watcher) answers(t *testing.T, query, want string) {
	t.Helper()
	until(t, startLimit, query, func() string {
		if out := strings.TrimSpace(mustRun(t, "promtool", "query", "instant", w.base, query)); !strings.Contains(out, "=> "+want+" @[") || strings.Contains(out, "\n") {
			return fmt.Sprintf("%q, want %s", out, want)
		}
		return ""
	})
}

// TestFilesThatAreRejected: the error names the line of an option that is not supported, and
// nothing else has been done.
func TestFilesThatAreRejected(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	up, monitor := []string{"up"}, []string{"monitor", "--target", "http://127.0.0.1:8000"}
	for name, c := range map[string]struct {
		command []string
		flag    string
		text    string
		say     []string // expected in the error; the first directly after the name of the file
	}{
		"remote write": {
			monitor, "--prometheus-config", "global: {}\n\nremote_write:\n  - url: http://x.example\n",
			[]string{":3: remote_write is not supported"},
		},
		"remote read": {
			up, "--prometheus-config", "remote_read:\n  - url: http://x.example\n",
			[]string{":1: remote_read is not supported"},
		},
		"Kubernetes": {
			up, "--prometheus-config", "scrape_configs:\n  - job_name: pods\n    kubernetes_sd_configs: [{role: pod}]\n",
			[]string{":3: scrape_configs.kubernetes_sd_configs is not supported", "static_configs"},
		},
		"Consul": {
			monitor, "--prometheus-config", "scrape_configs:\n  - job_name: a\n    consul_sd_configs: [{server: x}]\n",
			[]string{":3: scrape_configs.consul_sd_configs is not supported"},
		},
		"another Alertmanager": {
			up, "--prometheus-config", "alerting:\n  alertmanagers:\n    - static_configs: [{targets: [x]}]\n",
			[]string{":1: alerting is not supported"},
		},
		"misspelt": {
			monitor, "--prometheus-config", "global:\n  scrape_intervall: 1s\n",
			[]string{":2: ", "scrape_intervall"},
		},
		"rule that cannot be parsed": {
			up, "--rules", "groups:\n  - name: a\n    rules:\n      - alert: Half\n        expr: up >\n",
			[]string{":5:", "Half"},
		},
		"misspelt rule": {
			monitor, "--rules", "groups:\n  - name: a\n    rules:\n      - alert: Half\n        exp: up\n",
			[]string{":5:", "exp"},
		},
		"tracing": {
			monitor, "--alertmanager-config", "route: {receiver: a}\nreceivers: [{name: a}]\ntracing: {endpoint: x}\n",
			[]string{":3: tracing: not supported"},
		},
		"receiver that does not exist": {
			up, "--alertmanager-config", "route:\n  receiver: b\nreceivers: [{name: a}]\n",
			[]string{": undefined receiver ", `"b"`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file, data := writeFile(t, "file.yml", c.text), filepath.Join(t.TempDir(), "data")
			// The address is in use: a server that listens first would report that instead.
			args := slices.Concat(c.command, []string{c.flag, file, "--listen", taken.Addr().String(), "--data-dir", data})
			p := launch(t, nil, args...)
			if code := p.code(); code != command.ExitUsage {
				t.Errorf("exit code %d, want %d", code, command.ExitUsage)
			}
			line := oneLine(t, p)
			for i, say := range c.say {
				if i == 0 {
					say = file + say
				}
				if !strings.Contains(line, say) {
					t.Errorf("said %q, want %q in it", line, say)
				}
			}
			if _, err := os.Stat(data); !os.IsNotExist(err) {
				t.Errorf("the data directory was created: %v", err)
			}
		})
	}
}

// TestFilesThatAreMissing: the error names the file and the reason.
func TestFilesThatAreMissing(t *testing.T) {
	t.Parallel()
	for _, flag := range []string{"--prometheus-config", "--rules", "--alertmanager-config"} {
		p := launch(t, nil, "monitor", "--target", "http://127.0.0.1:8000", flag, "nowhere.yml")
		if code := p.code(); code != command.ExitUsage {
			t.Errorf("%s: exit code %d, want %d", flag, code, command.ExitUsage)
		}
		if line := oneLine(t, p); !strings.Contains(line, "nowhere.yml") || !strings.Contains(line, "no such file") {
			t.Errorf("%s: said %q", flag, line)
		}
	}
}
