package main

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"onsale/cmd/onsale/internal/command"
	"onsale/internal/monitor/discord/discordtest"
)

// startReceiver starts `onsale receiver` with a data directory and a webhook.
func startReceiver(t *testing.T, webhook, dir string, args ...string) (p *process, base string) {
	t.Helper()
	p = launch(t, []string{"DISCORD_URL=" + webhook}, append([]string{"receiver", "--listen", "127.0.0.1:0", dir}, args...)...)
	base = p.waitFor(`ready on (http://\S+)`)
	return p, base
}

// awaitTitle waits for a message with this title, and returns it.
func awaitTitle(t *testing.T, hook *discordtest.Receiver, title string) discordtest.Message {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), startLimit)
	defer cancel()
	m, err := hook.Wait(ctx, func(m discordtest.Message) bool { return m.Title() == title })
	if err != nil {
		t.Fatalf("%s: %v", title, err)
	}
	return m
}

// TestDebiansAlertmanagerBehindTheQueue: Debian's Alertmanager with an exported configuration
// posts to `onsale receiver` with a token. Discord answers 429 at first, but gets each message
// in the end.
func TestDebiansAlertmanagerBehindTheQueue(t *testing.T) {
	t.Parallel()
	hook := discordtest.Start()
	t.Cleanup(hook.Close)
	hook.Next(2, discordtest.Busy(time.Second))
	token := writeFile(t, "token", adminOfTests+"\n")
	_, base := startReceiver(t, hook.URL(), dataDir(t), "--admin-token-file", token)

	config, _ := mustExport(t, "alertmanager", "--pace", "demo", "--receiver", base, "--receiver-token-file", token)
	alertmanager := launchProgram(t, onPath(t, "prometheus-alertmanager"), nil, "--config.file", writeFile(t, "alertmanager.yml", config),
		"--storage.path", filepath.Join(t.TempDir(), "alertmanager"), "--web.listen-address", "127.0.0.1:0", "--cluster.listen-address=")
	api := "http://" + alertmanager.waitFor(`msg="?Listening(?: on)?"? address=(\S+)`)
	add := func(args ...string) {
		amtool(t, api, append([]string{"alert", "add", "alertname=SeatsGone", "severity=critical", "instance=a:1"}, args...)...)
	}
	add("--annotation=summary=Nobody sits.")
	m := awaitTitle(t, hook, "[FIRING:1] SeatsGone")
	if m.Attempts != 3 || m.Embeds[0].Description != "Nobody sits." {
		t.Errorf("attempt %d, %s", m.Attempts, m.JSON)
	}
	add("--end=" + time.Now().Add(-time.Second).Format(time.RFC3339))
	awaitTitle(t, hook, "[RESOLVED] SeatsGone")
	if n := len(hook.Messages()); n != 2 {
		t.Errorf("%d messages, want 2", n)
	}
}

// notificationOf returns a notification about an alert in the format of Alertmanager.
func notificationOf(alert string) string {
	return fmt.Sprintf(`{"version":"4","groupKey":"{}:{alertname=\"%s\"}","alerts":[{"status":"firing","labels":{"alertname":%[1]q,"severity":"warning"},
		"annotations":{},"startsAt":"2026-01-31T12:00:00Z","endsAt":"0001-01-01T00:00:00Z","generatorURL":""}]}`, alert)
}

// TestReceiverLosesNothingWhenKilled kills the receiver between its answer and the delivery.
// The next receiver delivers each notification once, even if the sender repeats it.
func TestReceiverLosesNothingWhenKilled(t *testing.T) {
	t.Parallel()
	hook := discordtest.Start()
	t.Cleanup(hook.Close)
	hook.Next(1, discordtest.Hang()) // the first attempt ends with the process
	dir := dataDir(t)
	c := newClient()
	defer c.CloseIdleConnections()
	post := func(base, alert, want string) {
		t.Helper()
		status, body := call(t.Context(), c, http.MethodPost, base+"/alertmanager", notificationOf(alert))
		if status != http.StatusOK || !strings.Contains(string(body), `"result":"`+want+`"`) {
			t.Errorf("%s: %d %s, want %s", alert, status, body, want)
		}
	}
	p, base := startReceiver(t, hook.URL(), dir)
	const taken = 5
	for i := range taken {
		post(base, fmt.Sprint("A", i), "accepted")
	}
	until(t, startLimit, "the first attempt begins", func() string {
		if len(hook.Requests()) == 0 {
			return "no request"
		}
		return ""
	})
	p.kill()
	if n := len(hook.Messages()); n != 0 {
		t.Fatalf("%d messages were delivered too early", n)
	}

	_, base = startReceiver(t, hook.URL(), dir)
	post(base, "A0", "repeated")
	for i := range taken {
		awaitTitle(t, hook, fmt.Sprint("[FIRING:1] A", i))
		post(base, fmt.Sprint("A", i), "repeated")
	}
	// The last notification is delivered last, so that no duplicate can follow it.
	post(base, "Last", "accepted")
	awaitTitle(t, hook, "[FIRING:1] Last")
	if n := len(hook.Messages()); n != taken+1 {
		t.Errorf("%d messages, want %d", n, taken+1)
	}
}

// TestReceiverStopsInOrder: a stop in the middle of an attempt ends with code 0.
func TestReceiverStopsInOrder(t *testing.T) {
	t.Parallel()
	hook := discordtest.Start()
	t.Cleanup(hook.Close)
	hook.Next(1, discordtest.Hang())
	p, base := startReceiver(t, hook.URL(), dataDir(t))
	c := newClient()
	defer c.CloseIdleConnections()
	if status, body := call(t.Context(), c, http.MethodPost, base+"/grafana", notificationOf("A")); status != http.StatusOK {
		t.Fatalf("%d %s", status, body)
	}
	if code := p.terminate(); code != command.ExitOK {
		t.Errorf("exit code %d", code)
	}
}
