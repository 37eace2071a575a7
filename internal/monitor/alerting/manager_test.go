package alerting_test

import (
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/common/model"

	"onsale/internal/monitor/alerting"
)

func TestFiringIsSentAfterGroupWaitAndResolvedAfterGroupInterval(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newListener()
		m := run(t, options(t, r))
		begin, down := time.Now(), named("InstanceDown")
		m.fire(t, down)
		time.Sleep(wait - time.Millisecond)
		r.want(t)
		time.Sleep(time.Second)
		r.want(t, "InstanceDown firing")
		if after := r.received[0].at.Sub(begin); after != wait {
			t.Errorf("sent after %s, want the group wait of %s", after, wait)
		}
		m.resolve(t, down)
		resolved := time.Now()
		time.Sleep(interval)
		r.want(t, "InstanceDown firing", "InstanceDown resolved")
		if after := r.received[1].at.Sub(resolved); after > interval {
			t.Errorf("sent as resolved after %s, want at most the group interval of %s", after, interval)
		}
	})
}

func TestAlertThatIsNotPutAgainResolves(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newListener()
		m := run(t, options(t, r))
		m.Put(t.Context(), []*model.Alert{named("InstanceDown", "empty", "")})
		time.Sleep(4 * time.Minute)
		r.want(t, "InstanceDown firing")
		if alerts := m.get(t, "/api/v2/alerts"); strings.Contains(alerts, `"empty"`) {
			t.Errorf("the empty label was not dropped: %s", alerts)
		}
		time.Sleep(2 * time.Minute)
		r.want(t, "InstanceDown firing", "InstanceDown resolved")
	})
}

func TestFiringAlertIsSentAgainAfterTheRepeatInterval(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newListener()
		m := run(t, options(t, r))
		m.fire(t, named("InstanceDown"))
		time.Sleep(repeat - time.Minute)
		r.want(t, "InstanceDown firing")
		time.Sleep(2 * time.Minute)
		r.want(t, "InstanceDown firing", "InstanceDown firing")
	})
}

func TestAlertsOfOneNameAreSentTogether(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newListener()
		m := run(t, options(t, r))
		m.fire(t, named("InstanceDown", "slo", "a"), named("InstanceDown", "slo", "b"))
		time.Sleep(wait + time.Second)
		r.want(t, "InstanceDown/a firing, InstanceDown/b firing")
	})
}

func TestFailedNotificationIsSentLater(t *testing.T) {
	t.Parallel()
	for _, retry := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			r := newListener()
			r.answer = func(call int) (bool, error) {
				if call <= 3 {
					return retry, errDown
				}
				return false, nil
			}
			m := run(t, options(t, r))
			m.fire(t, named("InstanceDown"))
			time.Sleep(wait + 4*interval)
			r.want(t, "InstanceDown firing")
			if r.calls != 4 {
				t.Errorf("the receiver was called %d times, want 4", r.calls)
			}
		})
	}
}

func TestRestartSendsNothingTwice(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newListener()
		o := options(t, r)
		down := named("InstanceDown")
		m := run(t, o)
		m.fire(t, down)
		time.Sleep(wait + time.Second)
		m.stop()

		m = run(t, o)
		m.fire(t, down)
		time.Sleep(10 * interval)
		r.want(t, "InstanceDown firing")
		m.resolve(t, down)
		time.Sleep(2 * interval)
		r.want(t, "InstanceDown firing", "InstanceDown resolved")
	})
}

// Negative control: without the notification log, a restart sends everything twice.
func TestRestartInAnotherDirectorySendsTwice(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newListener()
		m := run(t, options(t, r))
		m.fire(t, named("InstanceDown"))
		time.Sleep(wait + time.Second)
		m.stop()
		m = run(t, options(t, r))
		m.fire(t, named("InstanceDown"))
		time.Sleep(wait + time.Second)
		r.want(t, "InstanceDown firing", "InstanceDown firing")
	})
}

func TestCrashLosesAtMostAMinute(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newListener()
		o := options(t, r)
		m := run(t, o)
		m.fire(t, named("InstanceDown"))
		m.silence(t, "HighLatency")
		time.Sleep(2 * time.Minute)
		r.want(t, "InstanceDown firing")

		// A killed process leaves the files that are on disk now.
		crashed := o
		crashed.Dir = filepath.Join(t.TempDir(), "crashed")
		if err := os.CopyFS(crashed.Dir, os.DirFS(o.Dir)); err != nil {
			t.Fatal(err)
		}
		m.stop()
		m = run(t, crashed)
		m.fire(t, named("InstanceDown"), named("HighLatency"))
		time.Sleep(10 * interval)
		r.want(t, "InstanceDown firing")
	})
}

func TestPendingNotificationFinishesAndIsRecorded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newListener()
		r.answer = func(int) (bool, error) {
			time.Sleep(time.Second)
			return false, nil
		}
		o := options(t, r)
		m := run(t, o)
		m.fire(t, named("InstanceDown"))
		time.Sleep(wait + 500*time.Millisecond)
		r2 := newListener()
		m.stop()
		r.want(t, "InstanceDown firing")
		o.Notifier = r2
		m = run(t, o)
		m.fire(t, named("InstanceDown"))
		time.Sleep(10 * interval)
		r2.want(t)
	})
}

func TestStopDoesNotWaitForAFailingReceiver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newListener()
		r.answer = func(int) (bool, error) { return true, errDown }
		m := run(t, options(t, r))
		m.fire(t, named("InstanceDown"))
		time.Sleep(wait + time.Second)
		begin := time.Now()
		m.stop()
		if took := time.Since(begin); took > 3*time.Second {
			t.Errorf("stopping took %s", took)
		}
		m.fire(t, named("HighLatency")) // after Run has ended, Put does nothing and does not block
	})
}

func TestTwoManagersRunAtOnce(t *testing.T) {
	t.Parallel()
	first, second := newListener(), newListener()
	one, two := options(t, first), options(t, second)
	one.GroupWait, two.GroupWait = 10*time.Millisecond, 10*time.Millisecond
	a, b := run(t, one), run(t, two)
	a.fire(t, named("InstanceDown"))
	b.fire(t, named("HighLatency"))
	<-first.signal
	<-second.signal
	first.want(t, "InstanceDown firing")
	second.want(t, "HighLatency firing")
	for _, m := range []running{a, b} {
		if status := m.get(t, "/api/v2/status"); !strings.Contains(status, "receiver: onsale") {
			t.Errorf("the status does not show the configuration: %s", status)
		}
	}
}

func TestBrokenSnapshotIsRenamed(t *testing.T) {
	t.Parallel()
	r, lines := newListener(), &logged{}
	o := options(t, r)
	o.GroupWait, o.Logger = 10*time.Millisecond, lines.logger(slog.LevelInfo)
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"silences", "nflog"} {
		if err := os.WriteFile(filepath.Join(o.Dir, name), []byte("\x10not a snapshot at all"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	m := run(t, o)
	m.fire(t, named("InstanceDown"))
	<-r.signal
	for _, name := range []string{"silences.broken", "nflog.broken"} {
		if _, err := os.Stat(filepath.Join(o.Dir, name)); err != nil {
			t.Error(err)
		}
	}
	if got := strings.Count(lines.String(), "renamed a broken snapshot"); got != 2 {
		t.Errorf("want one line for each broken file, got %d: %s", got, lines)
	}
}

func TestNewWritesAndStartsNothing(t *testing.T) {
	t.Parallel()
	o := options(t, newListener())
	m, err := alerting.New(o)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(o.Dir); !os.IsNotExist(err) {
		t.Errorf("New created %s: %v", o.Dir, err)
	}
	if status, _ := (running{Manager: m}).call(t, http.MethodGet, "/api/v2/status", ""); status != http.StatusServiceUnavailable {
		t.Errorf("before Run the API answers %d, want 503", status)
	}
}

func TestDirectoryThatCannotBeCreatedIsAnError(t *testing.T) {
	t.Parallel()
	o := options(t, newListener())
	if err := os.WriteFile(o.Dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	m, err := alerting.New(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Run(t.Context()); err == nil || !strings.Contains(err.Error(), o.Dir) {
		t.Errorf("want an error that names the directory, got %v", err)
	}
	m.Put(t.Context(), nil) // must not wait for a manager that never runs
}

func TestWrongOptionsAreNamed(t *testing.T) {
	t.Parallel()
	for want, wrong := range map[string]func(*alerting.Options){
		"dir":             func(o *alerting.Options) { o.Dir = "" },
		"notifier":        func(o *alerting.Options) { o.Notifier = nil },
		"logger":          func(o *alerting.Options) { o.Logger = nil },
		"group wait":      func(o *alerting.Options) { o.GroupWait = -1 },
		"group interval":  func(o *alerting.Options) { o.GroupInterval = 0 },
		"repeat interval": func(o *alerting.Options) { o.RepeatInterval = 0 },
		"external url":    func(o *alerting.Options) { o.ExternalURL = "nowhere" },
		"missing.yml":     func(o *alerting.Options) { o.ConfigFile = "missing.yml" },
	} {
		o := options(t, newListener())
		wrong(&o)
		if _, err := alerting.New(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want an error that names %s, got %v", want, err)
		}
	}
}
