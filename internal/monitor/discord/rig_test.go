package discord_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/alertmanager/alert"
	"github.com/prometheus/alertmanager/notify"
	"github.com/prometheus/common/model"

	"onsale/internal/monitor/discord"
	"onsale/internal/monitor/discord/discordtest"
)

// hook is the address of a webhook. Tests use their own transport and no network.
const hook = "http://localhost" + discordtest.Path

// rig is a notifier with its inbox, receiver and log. It runs in a synctest bubble.
type rig struct {
	*discord.Notifier
	inbox    *discord.Inbox
	receiver *discordtest.Receiver
	logs     *logs
	stop     func()
}

// newRig starts a notifier whose inbox is in file, or in memory.
func newRig(t *testing.T, file string) *rig {
	t.Helper()
	r := &rig{receiver: discordtest.New(), logs: &logs{}}
	r.start(t, r.receiver, file)
	return r
}

func (r *rig) start(t *testing.T, transport http.RoundTripper, file string) {
	t.Helper()
	r.inbox = discord.NewInbox(file, r.logs.logger())
	var err error
	r.Notifier, err = discord.New(discord.Options{URL: hook, Mention: "@here", Inbox: r.inbox, Transport: transport, Logger: r.logs.logger()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	r.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	t.Cleanup(r.stop)
}

// send notifies as a flush of Alertmanager does, and returns how long Notify took.
func (r *rig) send(t *testing.T, alerts ...*alert.Alert) (time.Duration, error) {
	t.Helper()
	return r.sendIn(flush(t), alerts...)
}

func (r *rig) sendIn(ctx context.Context, alerts ...*alert.Alert) (time.Duration, error) {
	began := time.Now()
	retry, err := r.Notify(ctx, alerts...)
	if retry {
		panic("Notify must never ask Alertmanager to retry")
	}
	return time.Since(began), err
}

// flush returns the context of a group's flush, as Alertmanager creates it.
func flush(t *testing.T) context.Context {
	t.Helper()
	// Two flushes of a group never have the same time.
	time.Sleep(time.Nanosecond)
	ctx, cancel := context.WithTimeout(t.Context(), notify.MinTimeout)
	t.Cleanup(cancel)
	return notify.WithNow(notify.WithGroupKey(ctx, "{}:{alertname}"), time.Now())
}

// settled waits for a while and until all goroutines are idle, and returns the newest
// notification.
func (r *rig) settled(t *testing.T, while time.Duration) discord.Notification {
	t.Helper()
	time.Sleep(while)
	synctest.Wait()
	list := r.inbox.List(1)
	if len(list) == 0 {
		t.Fatal("the inbox is empty")
	}
	return list[0]
}

// firing returns an alert like those of the catalogue that has fired for a minute.
func firing(name, severity string) *alert.Alert {
	return &alert.Alert{Alert: model.Alert{
		Labels: model.LabelSet{"alertname": model.LabelValue(name), "severity": model.LabelValue(severity), "instance": "127.0.0.1:8000", "job": "ticket_system"},
		Annotations: model.LabelSet{
			"summary":     "4.2 % of all calls fail",
			"description": "Buyers see errors.\nThe limit is 2 %.",
			"runbook_url": model.LabelValue("http://127.0.0.1:8000/runbooks/" + name),
		},
		StartsAt:     time.Now().Add(-time.Minute),
		GeneratorURL: "http://127.0.0.1:8000/graph?g0.expr=a%28b%29+%3E+1",
	}}
}

// resolved returns the same alert, resolved now.
func resolved(a *alert.Alert) *alert.Alert {
	ended := *a
	ended.EndsAt = time.Now()
	return &ended
}

// logs collects log output.
type logs struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func (l *logs) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}
