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

// accept takes a notification of the group g over, and reports whether it is repeated.
func (r *rig) accept(t *testing.T, alerts ...*alert.Alert) (repeated bool) {
	t.Helper()
	_, repeated, err := r.Accept("g", alerts...)
	if err != nil {
		t.Fatal(err)
	}
	return repeated
}

// delivered waits for as long as nothing takes, and returns the titles that came.
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
			t.Error("the first one is called a repetition")
		}
		r.settled(t, time.Second) // Discord has asked for a pause
		if !r.accept(t, a) {
			t.Error("it is delivered again, though it is in the queue")
		}
		r.settled(t, 2*time.Minute)
		if !r.accept(t, a) || len(r.delivered(t)) != 1 {
			t.Errorf("received %q, want it once", r.delivered(t))
		}

		// Neither a restart nor another order of the alerts makes it another one.
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

func TestReminderIsNoRepetition(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "")
		a := firing("InstanceDown", "critical")
		r.accept(t, a)
		r.settled(t, 10*time.Minute-time.Second)
		if !r.accept(t, a) {
			t.Error("before 10 minutes are over it counts as another one")
		}
		r.settled(t, 2*time.Second)
		if r.accept(t, a) || len(r.delivered(t)) != 2 {
			t.Errorf("after 10 minutes: received %q, want it twice", r.delivered(t))
		}
	})
}

// What tells of another state is never taken for a repetition, in whichever order the
// states come.
func TestOtherStateIsNoRepetition(t *testing.T) {
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
				for i, told := range []*alert.Alert{a, over, a, over} {
					if r.accept(t, told) {
						t.Errorf("number %d is called a repetition", i)
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
				// Negative control: of another group and of another start the same counts.
				if _, repeated, _ := r.Accept("other group", over); repeated {
					t.Error("another group is called a repetition")
				}
				over.StartsAt = over.StartsAt.Add(time.Second)
				if r.accept(t, over) {
					t.Error("an alert that started later is called a repetition")
				}
			})
		})
	}
}

// A notification of another alert in between does not make the next one new.
func TestOtherAlertInBetweenKeepsARepetition(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "")
		a, b := firing("InstanceDown", "critical"), firing("HighCPU", "warning")
		r.accept(t, a)
		r.accept(t, b)
		r.settled(t, time.Second)
		if !r.accept(t, a) || !r.accept(t, b) {
			t.Error("a repetition is delivered again")
		}
	})
}

// Accept promises the disk. Notify goes on in memory, as the negative control shows.
func TestAcceptAsksAgainWhileTheDiskFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "data")
		if err := os.WriteFile(dir, nil, 0o600); err != nil { // a file, where a directory must be
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
				t.Fatal("a notification that is not on disk is taken over")
			}
		}
		if err := os.Remove(dir); err != nil {
			t.Fatal(err)
		}
		if !r.accept(t, a) {
			t.Error("the notification in memory is not known")
		}
		if content, err := os.ReadFile(file); err != nil || !strings.Contains(string(content), "InstanceDown") {
			t.Errorf("it is not on disk: %v", err)
		}

		// What Discord has confirmed needs no disk.
		r.settled(t, 2*time.Minute)
		if err := errors.Join(os.RemoveAll(dir), os.WriteFile(dir, nil, 0o600)); err != nil {
			t.Fatal(err)
		}
		if !r.accept(t, a) || len(r.delivered(t)) != 2 {
			t.Errorf("received %q", r.delivered(t))
		}
	})
}

// However much the alerts hold, 200 notifications fit into a file that is read again.
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
	for i := range 99 { // each is kept apart
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

func TestQueueIsMeasured(t *testing.T) {
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
