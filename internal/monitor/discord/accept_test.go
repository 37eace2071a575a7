package discord_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/alertmanager/alert"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/common/model"

	"onsale/internal/monitor/discord"
	"onsale/internal/monitor/discord/discordtest"
)

// accept calls Accept for group g and reports whether the notification is a repetition.
func (r *rig) accept(t *testing.T, alerts ...*alert.Alert) (repeated bool) {
	t.Helper()
	_, repeated, err := r.Accept("g", alerts...)
	if err != nil {
		t.Fatal(err)
	}
	return repeated
}

// delivered waits until the queue is idle and returns the titles that arrived.
func (r *rig) delivered(t *testing.T) (titles []string) {
	t.Helper()
	r.settled(t, time.Second)
	for _, m := range r.receiver.Messages() {
		titles = append(titles, m.Title())
	}
	return titles
}

func TestAcceptedNotificationIsDeliveredOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "inbox.json")
		r := newRig(t, file)
		r.receiver.Next(1, discordtest.Busy(time.Minute))
		a := firing("InstanceDown", "critical")
		if r.accept(t, a) {
			t.Error("the first notification counts as a repetition")
		}
		r.settled(t, time.Second) // Discord has answered 429
		if !r.accept(t, a) {
			t.Error("a notification in the queue does not count as a repetition")
		}
		r.settled(t, 2*time.Minute)
		if !r.accept(t, a) || len(r.delivered(t)) != 1 {
			t.Errorf("received %q, want it once", r.delivered(t))
		}

		// A restart or another order of the alerts does not make it a new one.
		r.stop()
		r.start(t, r.receiver, file)
		if !r.accept(t, a) || len(r.delivered(t)) != 1 {
			t.Errorf("after a restart: received %q, want it once", r.delivered(t))
		}
		b := firing("InstanceDown", "critical")
		b.Labels["instance"] = "b"
		if r.accept(t, a, b) || !r.accept(t, b, a) || len(r.delivered(t)) != 2 {
			t.Errorf("a second alert: received %q", r.delivered(t))
		}
	})
}

func TestReminderIsNotARepetition(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "")
		a := firing("InstanceDown", "critical")
		r.accept(t, a)
		r.settled(t, 10*time.Minute-time.Second)
		if !r.accept(t, a) {
			t.Error("within 10 minutes it does not count as a repetition")
		}
		r.settled(t, 2*time.Second)
		if r.accept(t, a) || len(r.delivered(t)) != 2 {
			t.Errorf("after 10 minutes: received %q, want it twice", r.delivered(t))
		}
	})
}

// A notification about another state is never a repetition, in whatever order the states
// arrive.
func TestOtherStateIsNotARepetition(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]*discordtest.Answer{
		"delivered": nil,
		"waiting":   {Status: 429, RetryAfter: time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, "")
				if answer != nil {
					r.receiver.Next(1, *answer)
				}
				a := firing("InstanceDown", "critical")
				over := resolved(a)
				for i, next := range []*alert.Alert{a, over, a, over} {
					if r.accept(t, next) {
						t.Errorf("notification %d counts as a repetition", i)
					}
					if answer == nil {
						r.settled(t, time.Second)
					}
				}
				r.settled(t, 2*time.Minute)
				const want = "[FIRING:1] InstanceDown, [RESOLVED] InstanceDown, [FIRING:1] InstanceDown, [RESOLVED] InstanceDown"
				if got := strings.Join(r.delivered(t), ", "); got != want {
					t.Errorf("received %s", got)
				}
				// The same alert in another group, or with another start time, is not a repetition either.
				if _, repeated, _ := r.Accept("other group", over); repeated {
					t.Error("another group counts as a repetition")
				}
				over.StartsAt = over.StartsAt.Add(time.Second)
				if r.accept(t, over) {
					t.Error("an alert that started later counts as a repetition")
				}
			})
		})
	}
}

// A notification about another alert in between does not turn a repetition into a new one.
func TestRepetitionAfterAnotherAlert(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "")
		a, b := firing("InstanceDown", "critical"), firing("HighCPU", "warning")
		r.accept(t, a)
		r.accept(t, b)
		r.settled(t, time.Second)
		if !r.accept(t, a) || !r.accept(t, b) {
			t.Error("a repetition counts as new")
		}
	})
}

// Accept returns an error while the disk fails, so that the sender retries. Negative
// control: Notify continues in memory.
func TestAcceptFailsWhileTheDiskFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "data")
		if err := os.WriteFile(dir, nil, 0o600); err != nil { // a file where a directory is expected
			t.Fatal(err)
		}
		file := filepath.Join(dir, "inbox.json")
		r := newRig(t, file)
		r.receiver.Next(1, discordtest.Busy(time.Minute))
		a := firing("InstanceDown", "critical")
		if _, err := r.send(t, firing("HighCPU", "warning")); err != nil {
			t.Errorf("Notify: %v", err)
		}
		for range 2 {
			if _, _, err := r.Accept("g", a); err == nil {
				t.Fatal("Accept returned no error for a notification that is not on disk")
			}
		}
		if err := os.Remove(dir); err != nil {
			t.Fatal(err)
		}
		if !r.accept(t, a) {
			t.Error("the notification in memory does not count as a repetition")
		}
		if content, err := os.ReadFile(file); err != nil || !strings.Contains(string(content), "InstanceDown") {
			t.Errorf("the notification is not on disk: %v", err)
		}

		// A notification that Discord has confirmed need not be on disk.
		r.settled(t, 2*time.Minute)
		if err := errors.Join(os.RemoveAll(dir), os.WriteFile(dir, nil, 0o600)); err != nil {
			t.Fatal(err)
		}
		if !r.accept(t, a) || len(r.delivered(t)) != 2 {
			t.Errorf("received %q", r.delivered(t))
		}
	})
}

// However long the alerts are, a file with 200 notifications is short enough to be read
// again.
func TestLongAlertsKeepTheFileReadable(t *testing.T) {
	t.Parallel()
	const maxFile, full = 16 << 20, 200
	file := filepath.Join(t.TempDir(), "inbox.json")
	inbox := discord.NewInbox(file, (&logs{}).logger())
	n, err := discord.New(discord.Options{Inbox: inbox})
	if err != nil {
		t.Fatal(err)
	}
	var alerts []*alert.Alert
	for i := range 99 { // fewer than maxListed
		a := firing(fmt.Sprintf("%d%s", i, strings.Repeat("&", 1<<10)), "critical")
		a.Annotations["summary"] = model.LabelValue(strings.Repeat("&", 4<<10))
		alerts = append(alerts, a, resolved(a))
	}
	if _, _, err := n.Accept("g", alerts...); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(file)
	if err != nil || info.Size() > maxFile/full {
		t.Errorf("one notification takes %d bytes, want at most %d: %v", info.Size(), maxFile/full, err)
	}
	if again := discord.NewInbox(file, (&logs{}).logger()).List(1); len(again) != 1 {
		t.Error("after a restart the inbox is empty")
	}
}

func TestQueueMetrics(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "")
		reg := prometheus.NewPedanticRegistry()
		r.inbox.Observe(reg)
		expect := func(undelivered, oldest, delivered, failed int) {
			t.Helper()
			families, err := reg.Gather()
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			for _, f := range families {
				for _, m := range f.GetMetric() {
					got += fmt.Sprintf("%s %v\n", f.GetName(), m.GetGauge().GetValue()+m.GetCounter().GetValue())
				}
			}
			want := fmt.Sprintf("onsale_notifications_delivered_total %d\nonsale_notifications_failed_total %d\n"+
				"onsale_notifications_oldest_undelivered_seconds %d\nonsale_notifications_undelivered %d\n", delivered, failed, oldest, undelivered)
			if got != want {
				t.Errorf("metrics\n%swant\n%s", got, want)
			}
		}
		expect(0, 0, 0, 0)
		r.receiver.Next(1, discordtest.Busy(time.Minute))
		r.receiver.Next(1, discordtest.Status(400))
		r.accept(t, firing("InstanceDown", "critical"))
		r.settled(t, 10*time.Second)
		r.accept(t, firing("HighCPU", "warning"))
		r.settled(t, 10*time.Second)
		expect(2, 20, 0, 0)
		r.settled(t, time.Minute)
		expect(0, 0, 1, 1)
		problems, err := testutil.GatherAndLint(reg)
		if err != nil || len(problems) > 0 {
			t.Errorf("%v, %v", problems, err)
		}
	})
}
