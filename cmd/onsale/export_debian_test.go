package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"onsale/internal/monitor/discord/discordtest"
)

// TestExportedFilesOnDebiansServers exports for another job, starts Debian's Prometheus and
// Alertmanager with the files, and waits for a message about a failure.
func TestExportedFilesOnDebiansServers(t *testing.T) {
	t.Parallel()
	const job = `shop/api "v2+("`
	t.Run("Onsale", func(t *testing.T) {
		t.Parallel()
		target := serve(t, nil, dataDir(t))
		e := exportTo(t, job, target.url(), "--label", `note={{ $value }}`)
		if strings.Contains(e.said, "left out") {
			t.Errorf("the export leaves out alerts for an Onsale server: %s", e.said)
		}
		target.kill()
		// Before its first scrape, Prometheus has no instance, which also fires an alert.
		e.awaitMessage("InstanceDown", "severity=critical", "instance="+strings.TrimPrefix(target.url(), "http://"))
	})
	t.Run("earlier service", func(t *testing.T) {
		t.Parallel()
		service := new(earlierService)
		target := httptest.NewServer(service)
		t.Cleanup(target.Close)
		e := exportTo(t, job, target.URL, "--label", `note={{ $value }}`,
			"--severity", "HighFailureRate=warning", "--alert-failure-share", "0.3")
		for _, alert := range []string{"QueueFilling", "ItemErrors", "LatencyBurnFast"} {
			if !strings.Contains(e.said, "left out alert "+alert+": no ") || strings.Contains(e.rules, alert) {
				t.Errorf("%s was exported, or the reason for leaving it out is missing:\n%s", alert, e.said)
			}
		}
		if state := e.watcher.states()["HighFailureRate"]; state != "" {
			t.Errorf("HighFailureRate is %s before a failure", state)
		}
		service.failing.Store(true)
		e.awaitMessage("HighFailureRate", "severity=warning")
	})
}

// exportedServers are Debian's Prometheus and Alertmanager with exported files.
type exportedServers struct {
	t           *testing.T
	job         string
	messages    chan discordtest.Body
	watcher     *watcher
	said, rules string
}

// exportTo exports for a target and starts the servers. It returns once the target is up and
// all rules are healthy.
func exportTo(t *testing.T, job, target string, flags ...string) *exportedServers {
	t.Helper()
	e := &exportedServers{t: t, job: job, messages: make(chan discordtest.Body, 100)}
	webhook := httptest.NewServer(http.HandlerFunc(e.receive))
	t.Cleanup(webhook.Close)
	dir := t.TempDir()

	// This version of Alertmanager cannot read the URL of the webhook from a file.
	routes, _ := mustExport(t, "alertmanager", "--pace", "demo", "--alertmanager-version", "0.25")
	const placeholder = "http://127.0.0.1:9/put-the-URL-of-the-webhook-here"
	if strings.Count(routes, placeholder) != 1 {
		t.Fatalf("no placeholder in\n%s", routes)
	}
	config := writeFile(t, "alertmanager.yml", strings.Replace(routes, placeholder, webhook.URL+discordtest.Path, 1))
	alertmanager := launchProgram(t, onPath(t, "prometheus-alertmanager"), nil, "--config.file", config,
		"--storage.path", filepath.Join(dir, "alertmanager"), "--web.listen-address", "127.0.0.1:0", "--cluster.listen-address=")
	address := alertmanager.waitFor(`msg="?Listening(?: on)?"? address=(\S+)`)

	common := []string{"--pace", "demo", "--job", job, "--target", target}
	_, e.said = mustExport(t, append(append([]string{
		"rules", "--label", "team=payments", "--runbook-url", "https://wiki.example.com/rb/", "-o", filepath.Join(dir, "rules.yml"),
	}, common...), flags...)...)
	rules, err := os.ReadFile(filepath.Join(dir, "rules.yml"))
	if err != nil {
		t.Fatal(err)
	}
	e.rules = string(rules)
	mustRun(t, "promtool", "check", "rules", filepath.Join(dir, "rules.yml"))
	mustExport(t, append([]string{"prometheus", "--alertmanager", address, "-o", filepath.Join(dir, "prometheus.yml")}, common...)...)
	prometheus := launchProgram(t, onPath(t, "prometheus"), nil,
		"--config.file", filepath.Join(dir, "prometheus.yml"), "--storage.tsdb.path", filepath.Join(dir, "tsdb"),
		"--web.listen-address", "127.0.0.1:0")
	e.watcher = watch(t, "http://"+prometheus.waitFor(`msg="Listening on" address=(\S+)`))
	prometheus.waitFor(`msg="Server is ready to receive web requests."`)
	e.awaitRules()
	return e
}

// awaitRules waits until the target is up and every exported rule was evaluated without an
// error.
func (e *exportedServers) awaitRules() {
	e.t.Helper()
	want := strings.Count(e.rules, "\n      - alert: ") + strings.Count(e.rules, "\n      - record: ")
	until(e.t, drawLimit, "all rules are healthy", func() string {
		var rules struct {
			Data struct {
				Groups []struct {
					Rules []struct{ Name, Health, LastError string }
				}
			}
		}
		var targets struct {
			Data struct {
				ActiveTargets []struct {
					Labels    map[string]string
					Health    string
					LastError string
				}
			}
		}
		e.watcher.read(e.t, "/api/v1/rules", &rules)
		e.watcher.read(e.t, "/api/v1/targets", &targets)
		healthy := 0
		for _, g := range rules.Data.Groups {
			for _, r := range g.Rules {
				if r.Health == "ok" {
					healthy++
				} else if r.LastError != "" {
					return r.Name + ": " + r.LastError
				}
			}
		}
		active := targets.Data.ActiveTargets
		if len(active) != 1 || active[0].Health != "up" || active[0].Labels["job"] != e.job || want == 0 || healthy != want {
			return fmt.Sprintf("%d of %d rules are healthy, targets %v", healthy, want, active)
		}
		return ""
	})
}

// receive accepts a message like Discord, and rejects one that is too long.
func (e *exportedServers) receive(w http.ResponseWriter, r *http.Request) {
	var m discordtest.Body
	if err := json.NewDecoder(r.Body).Decode(&m); err != nil || r.URL.Path != discordtest.Path || len(m.Embeds) != 1 {
		e.t.Errorf("an invalid message: %v, %+v", err, m)
		return
	}
	if embed := m.Embeds[0]; utf8.RuneCountInString(embed.Title) > 256 || utf8.RuneCountInString(embed.Description) > 4096 {
		e.t.Errorf("a message that is too long: %+v", m)
	}
	w.WriteHeader(http.StatusNoContent)
	select {
	case e.messages <- m:
	default: // the test no longer reads
	}
}

// awaitMessage waits for a message about a firing alert that contains says. It must also
// contain the settings of the user.
func (e *exportedServers) awaitMessage(alert string, says ...string) {
	e.t.Helper()
	ctx, cancel := context.WithTimeout(e.t.Context(), drawLimit)
	defer cancel()
	for {
		select {
		case m := <-e.messages:
			text := m.Embeds[0].Description
			if !isTitle(m.Title(), "FIRING", alert) || slices.ContainsFunc(says, func(s string) bool { return !strings.Contains(text, s) }) {
				continue
			}
			for _, want := range []string{
				"alertname=" + alert, "job=" + e.job, "team=payments", "note={{ $value }}", "https://wiki.example.com/rb/" + alert,
			} {
				if !strings.Contains(text, want) {
					e.t.Errorf("no %q in the message\n%s", want, text)
				}
			}
			return
		case <-ctx.Done():
			e.t.Fatalf("there is no message about %s that contains %q", alert, says)
		}
	}
}
