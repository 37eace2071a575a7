package discord_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"onsale/internal/monitor/discord"
	"onsale/internal/monitor/discord/discordtest"
)

// only returns a function that gives this answer to messages with a word in their title.
func only(word string, a discordtest.Answer) func(discordtest.Body) *discordtest.Answer {
	return func(m discordtest.Body) *discordtest.Answer {
		if strings.Contains(m.Title(), word) {
			return &a
		}
		return nil
	}
}

// arrived returns when each title arrived, as the time since a moment.
func (r *rig) arrived(since time.Time) map[string]time.Duration {
	after := map[string]time.Duration{}
	for _, m := range r.receiver.Messages() {
		after[m.Title()] = m.Received.Sub(since)
	}
	return after
}

// cutOff returns a transport whose connection breaks for messages that contain a word.
func cutOff(next http.RoundTripper, word string) transport {
	return func(r *http.Request) (*http.Response, error) {
		body, err := r.GetBody()
		if err != nil {
			return nil, err
		}
		text := make([]byte, r.ContentLength)
		if _, err := body.Read(text); err != nil {
			return nil, err
		}
		if strings.Contains(string(text), word) {
			return nil, errors.New("connection reset by peer")
		}
		return next.RoundTrip(r)
	}
}

// A message that always fails does not block others. It is tried with growing pauses and is given up after a day.
func TestPoisonDoesNotBlockOthers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answer discordtest.Answer
		reset  bool
		within time.Duration // limit for the first message after it
	}{
		"500":          {answer: discordtest.Status(http.StatusInternalServerError), within: 6 * time.Second},
		"408":          {answer: discordtest.Status(http.StatusRequestTimeout), within: 6 * time.Second},
		"silence":      {answer: discordtest.Hang(), within: 16 * time.Second},
		"reset":        {reset: true, within: 6 * time.Second},
		"asks to wait": {answer: discordtest.Answer{Status: 503, Header: http.Header{"Retry-After": {"600"}}}, within: 65 * time.Second},
		"accepts, 502": {answer: discordtest.Answer{Status: 502, Accept: true}, within: 6 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := &rig{receiver: discordtest.New(), logs: &logs{}}
				if c.reset {
					r.start(t, cutOff(r.receiver, "Poison"), "")
				} else {
					r.receiver.When(only("Poison", c.answer))
					r.start(t, r.receiver, "")
				}
				if _, err := r.send(t, firing("Poison", "warning")); err != nil {
					t.Fatal(err)
				}
				for hour := range 25 {
					began := time.Now()
					for severity, within := range map[string]time.Duration{"critical": c.within, "info": c.within + 61*time.Second} {
						name := fmt.Sprintf("%s%d", severity, hour)
						if _, err := r.send(t, firing(name, severity)); err != nil {
							t.Fatal(err)
						}
						time.Sleep(2 * time.Minute)
						if took, ok := r.arrived(began)["[FIRING:1] "+name]; !ok || took > within+2*time.Minute {
							t.Fatalf("%s arrived: %t, after %s", name, ok, took)
						}
					}
					r.settled(t, time.Hour-time.Since(began))
				}
				var last time.Time
				attempts, pause := 0, time.Duration(0)
				for _, q := range r.receiver.Requests() {
					if !strings.Contains(q.Title, "Poison") {
						continue
					}
					if attempts++; attempts > 1 && q.Received.Sub(last) < min(pause, time.Minute) {
						t.Errorf("attempt %d came %s after the previous one, want at least the previous pause of %s", attempts, q.Received.Sub(last), pause)
					}
					if !last.IsZero() {
						pause = q.Received.Sub(last)
					}
					last = q.Received
				}
				if attempts > 24*60+20 {
					t.Errorf("the message was sent %d times", attempts)
				}
				list := r.inbox.List(100)
				if poison := list[len(list)-1].Delivery; poison.State != discord.Failed || !strings.HasPrefix(poison.LastError, "not delivered within 24h") {
					t.Errorf("after 25 hours the delivery is %+v", poison)
				}
				if log := r.logs.String(); strings.Count(log, `level=ERROR msg="gave up discord notification"`) != 1 {
					t.Error("the log does not have exactly one line about giving up")
				}
			})
		})
	}
}

// Even if many messages always fail and each attempt hangs, a new one is tried next.
func TestManyPoisonsDoNotBlockOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "")
		r.receiver.When(only("Poison", discordtest.Hang()))
		for i := range 150 {
			if _, err := r.sendIn(t.Context(), firing(fmt.Sprintf("Poison%d", i), "critical")); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Hour)
		for _, severity := range []string{"critical", "warning", "info"} {
			began := time.Now()
			if _, err := r.send(t, firing("Good-"+severity, severity)); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute)
			if took, ok := r.arrived(began)["[FIRING:1] Good-"+severity]; !ok || took > 26*time.Second {
				t.Errorf("the %s message arrived: %t, after %s", severity, ok, took)
			}
		}
		// Neither do they block one that failed once by chance.
		unlucky := 0
		r.receiver.When(func(m discordtest.Body) *discordtest.Answer {
			if strings.Contains(m.Title(), "Unlucky") {
				if unlucky++; unlucky > 1 {
					return nil
				}
			}
			return new(discordtest.Hang())
		})
		if _, err := r.send(t, firing("Unlucky", "info")); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		time.Sleep(time.Hour)
		if _, ok := r.arrived(began)["[FIRING:1] Unlucky"]; !ok || unlucky != 2 {
			t.Errorf("the message that failed once arrived within an hour: %t, at attempt %d", ok, unlucky)
		}
	})
}

// While everything fails, Onsale makes one attempt at a time. After Discord recovers, the most severe messages go first.
func TestMostSevereGoFirstAfterAnOutage(t *testing.T) {
	t.Parallel()
	for name, broken := range map[string]discordtest.Answer{
		"500": discordtest.Status(http.StatusInternalServerError), "silence": discordtest.Hang(), "hurry": discordtest.Busy(time.Millisecond),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, "")
				r.receiver.When(func(discordtest.Body) *discordtest.Answer { return &broken })
				began := time.Now()
				for i := range 60 {
					for _, severity := range []string{"info", "warning", "critical"} {
						if waited, err := r.send(t, firing(fmt.Sprintf("%s%d", severity, i), severity)); err != nil || waited > 11*time.Second {
							t.Fatalf("Notify returned %v after %s", err, waited)
						}
					}
				}
				time.Sleep(10*time.Minute - time.Since(began))
				if n := len(r.receiver.Requests()); n > 130 {
					t.Errorf("%d requests in ten minutes", n)
				}
				before := len(r.receiver.Requests())
				time.Sleep(50 * time.Minute)
				if n := len(r.receiver.Requests()) - before; n > 700 {
					t.Errorf("%d requests in the next fifty minutes", n)
				}
				r.receiver.When(nil)
				time.Sleep(61 * time.Second)
				synctest.Wait()
				got := r.receiver.Messages()
				if len(got) != 180 {
					t.Fatalf("%d of 180 arrived within a minute", len(got))
				}
				// The first message is the attempt that found Discord available. Another may have been in flight.
				worst, late := 0, 0
				for _, m := range got[1:] {
					rank := slices.IndexFunc([]string{"critical", "warning", "info"}, func(s string) bool { return strings.Contains(m.Title(), s) })
					if rank < worst {
						late++
					}
					worst = max(worst, rank)
				}
				if late > 1 {
					t.Errorf("%d messages arrived after a less severe one", late)
				}
			})
		})
	}
}

// After a short outage the critical message goes first, even if it was queued last.
func TestCriticalGoesFirstAfterAShortOutage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "")
		r.receiver.When(func(discordtest.Body) *discordtest.Answer { return new(discordtest.Status(http.StatusBadGateway)) })
		for _, a := range []string{"info", "warning", "critical"} {
			for i := range 3 {
				if _, err := r.send(t, firing(fmt.Sprintf("%s%d", a, i), a)); err != nil {
					t.Fatal(err)
				}
			}
		}
		time.Sleep(2 * time.Minute)
		r.receiver.When(nil)
		r.settled(t, 5*time.Minute)
		for i, m := range r.receiver.Messages() {
			if want := []string{"critical", "warning", "info"}[i/3]; !strings.Contains(m.Title(), want) {
				t.Errorf("message %d is %s", i, m.Title())
			}
		}
		if n := len(r.receiver.Messages()); n != 9 {
			t.Errorf("%d of 9 arrived", n)
		}
	})
}

// The limit of a day counts for each notification separately.
func TestEachNotificationHasItsOwnAgeLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "")
		r.receiver.When(only("Old", discordtest.Status(http.StatusInternalServerError)))
		for _, name := range []string{"Old", "OldToo"} {
			if _, err := r.send(t, firing(name, "warning")); err != nil {
				t.Fatal(err)
			}
			time.Sleep(20 * time.Hour)
		}
		list := r.inbox.List(2)
		if list[1].Delivery.State != discord.Failed || list[0].Delivery.State != discord.Delivering {
			t.Fatalf("after 40 hours the first has delivery %+v, the second %+v", list[1].Delivery, list[0].Delivery)
		}
		r.receiver.When(nil)
		if entry := r.settled(t, 2*time.Minute); entry.Delivery.State != discord.Delivered {
			t.Errorf("the second has delivery %+v", entry.Delivery)
		}
	})
}

// A restart keeps the number of attempts. It does not send the whole queue at once, and new messages go first.
func TestRestartKeepsAttempts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "inbox.json")
		r := newRig(t, file)
		r.receiver.When(only("Poison", discordtest.Status(http.StatusInternalServerError)))
		for i := range 20 {
			if _, err := r.send(t, firing(fmt.Sprintf("Poison%d", i), "critical")); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(30 * time.Minute)
		before, requests := r.inbox.List(1)[0].Delivery.Attempts, len(r.receiver.Requests())
		r.stop()
		r.start(t, r.receiver, file)
		time.Sleep(10 * time.Second)
		if n := len(r.receiver.Requests()) - requests; n == 0 || n > 5 {
			t.Errorf("%d requests within 10 s of the restart", n)
		}
		began := time.Now()
		if _, err := r.send(t, firing("Good", "info")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if took, ok := r.arrived(began)["[FIRING:1] Good"]; !ok || took > 6*time.Second {
			t.Errorf("after the restart the good message arrived: %t, after %s", ok, took)
		}
		if after := r.inbox.List(2)[1].Delivery.Attempts; before == 0 || after < before {
			t.Errorf("%d attempts before the restart, %d after it", before, after)
		}
	})
}

// Notify does not wait for an attempt that a back-off delays, and never longer than its context.
func TestNotifyWaitsOnlyForItsOwnAttempt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "")
		r.receiver.When(only("Poison", discordtest.Hang()))
		a := firing("Poison", "warning")
		hurried, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if waited, err := r.sendIn(hurried, a); err != nil || waited != time.Second {
			t.Errorf("Notify returned %v after %s, want nil when its context ends after 1 s", err, waited)
		}
		// The resolved message waits for the firing one.
		if waited, err := r.send(t, resolved(a)); err != nil || waited != 0 {
			t.Errorf("Notify for the resolved alert returned %v after %s", err, waited)
		}
		r.settled(t, time.Hour)
		if n := len(r.receiver.Messages()); n != 0 {
			t.Errorf("%d messages arrived: resolved overtook firing", n)
		}
		r.receiver.When(nil)
		r.settled(t, 2*time.Minute)
		if got := r.receiver.Messages(); len(got) != 2 || got[0].Title() != "[FIRING:1] Poison" || got[1].Title() != "[RESOLVED] Poison" {
			t.Errorf("received %+v", got)
		}
	})
}
