package discord_test

import (
	"context"
	"errors"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"onsale/internal/monitor/discord"
	"onsale/internal/monitor/discord/discordtest"
)

func TestNotificationIsDelivered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "")
		if _, err := r.send(t, firing("HighFailureRate", "critical")); err != nil {
			t.Fatal(err)
		}
		got := r.receiver.Messages()
		if len(got) != 1 || got[0].Title() != "[FIRING:1] HighFailureRate" || got[0].Attempts != 1 {
			t.Fatalf("received %+v", got)
		}
		entry := r.settled(t, time.Minute)
		if d := entry.Delivery; d.State != discord.Delivered || d.Attempts != 1 || d.DeliveredAt == nil || d.LastError != "" {
			t.Errorf("delivery is %+v", d)
		}
		if strings.Count(r.logs.String(), "\n") != 1 {
			t.Errorf("logged more than one line:\n%s", r.logs)
		}
	})
}

func TestNothingIsSentUntilRetryAfterIsOver(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answer discordtest.Answer
		want   time.Duration
	}{
		"header and body":     {discordtest.Busy(2500 * time.Millisecond), 3 * time.Second},
		"header alone":        {discordtest.Answer{Status: 429, RetryAfter: 7 * time.Second, NoBody: true}, 7 * time.Second},
		"body alone":          {discordtest.Answer{Status: 429, RetryAfter: 1250 * time.Millisecond, NoHeader: true}, 1250 * time.Millisecond},
		"global":              {discordtest.Answer{Status: 429, RetryAfter: 40 * time.Second, Global: true}, 40 * time.Second},
		"fraction":            {discordtest.Answer{Status: 429, RetryAfter: 300 * time.Millisecond, NoHeader: true}, 300 * time.Millisecond},
		"no Retry-After":      {discordtest.Answer{Status: 429, NoBody: true, NoHeader: true}, time.Second},
		"absurd":              {discordtest.Answer{Status: 429, RetryAfter: 1e6 * time.Second}, 15 * time.Minute},
		"date":                {discordtest.Answer{Status: 503, Header: http.Header{"Retry-After": {"Sat, 01 Jan 2000 00:00:30 GMT"}}}, 30 * time.Second},
		"no longer available": {discordtest.Answer{Status: 503, Header: http.Header{"Retry-After": {"45"}}}, 45 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, "")
				r.receiver.Next(1, c.answer)
				waited, err := r.send(t, firing("HighFailureRate", "warning"))
				if err != nil || waited != 0 {
					t.Fatalf("Notify returned %v after %s, want nil at once, because the notification is in the queue", err, waited)
				}
				// A notification that arrives in the meantime waits as well.
				if _, err := r.send(t, firing("InstanceDown", "critical")); err != nil {
					t.Fatal(err)
				}
				r.settled(t, c.want-time.Millisecond)
				if n := len(r.receiver.Requests()); n != 1 {
					t.Errorf("%d requests before the end of Retry-After", n)
				}
				entry := r.settled(t, time.Second)
				requests, messages := r.receiver.Requests(), r.receiver.Messages()
				if len(messages) != 2 || len(requests) != 3 || entry.Delivery.State != discord.Delivered {
					t.Fatalf("%d requests, %d messages, the last one %+v", len(requests), len(messages), entry.Delivery)
				}
				if waited := requests[1].Received.Sub(requests[0].Received).Round(time.Microsecond); waited < c.want || waited > c.want+time.Second {
					t.Errorf("waited %s, want %s", waited, c.want)
				}
				if messages[0].Title() != "[FIRING:1] InstanceDown" || messages[1].Attempts != 2 {
					t.Errorf("first %q arrived, then %q at attempt %d", messages[0].Title(), messages[1].Title(), messages[1].Attempts)
				}
			})
		})
	}
}

func TestPauseAfterTheLastDeliveryOfARateLimitWindow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "")
		r.receiver.Next(1, discordtest.Answer{Status: 200, Accept: true, Header: http.Header{
			"X-Ratelimit-Remaining": {"0"}, "X-Ratelimit-Reset-After": {"1.5"},
		}})
		for _, name := range []string{"HighLatency", "InstanceDown"} {
			if _, err := r.send(t, firing(name, "warning")); err != nil {
				t.Fatal(err)
			}
		}
		r.settled(t, time.Minute)
		got := r.receiver.Messages()
		if len(got) != 2 || got[1].Received.Sub(got[0].Received) < 1500*time.Millisecond || got[1].Attempts != 1 {
			t.Errorf("received %+v", got)
		}
	})
}

func TestOutageDropsNothing(t *testing.T) {
	t.Parallel()
	for name, broken := range map[string]discordtest.Answer{
		"500":     discordtest.Status(http.StatusInternalServerError),
		"502":     discordtest.Status(http.StatusBadGateway),
		"408":     discordtest.Status(http.StatusRequestTimeout),
		"silence": discordtest.Hang(),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, "")
				r.receiver.Next(8, broken)
				a := firing("HighFailureRate", "critical")
				if _, err := r.send(t, a); err != nil {
					t.Fatal(err)
				}
				// The alert resolves while Discord is still unreachable: both messages arrive, in order.
				time.Sleep(20 * time.Second)
				if _, err := r.send(t, resolved(a)); err != nil {
					t.Fatal(err)
				}
				r.settled(t, 10*time.Minute)
				got := r.receiver.Messages()
				if len(got) != 2 || got[0].Title() != "[FIRING:1] HighFailureRate" || got[1].Title() != "[RESOLVED] HighFailureRate" {
					t.Fatalf("received %d messages: %+v", len(got), got)
				}
				if got[0].Attempts != 9 {
					t.Errorf("took %d attempts", got[0].Attempts)
				}
				for _, n := range r.inbox.List(10) {
					if n.Delivery.State != discord.Delivered || n.Delivery.LastError != "" {
						t.Errorf("the %s notification has delivery %+v", n.Status, n.Delivery)
					}
				}
			})
		})
	}
}

func TestPausesGrowWhileDiscordIsUnreachable(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "")
		r.receiver.Next(100, discordtest.Status(http.StatusInternalServerError))
		if _, err := r.send(t, firing("HighFailureRate", "critical")); err != nil {
			t.Fatal(err)
		}
		r.settled(t, 10*time.Minute)
		requests := r.receiver.Requests()
		want := []float64{1, 2, 4, 8, 16, 32, 60, 60}
		if len(requests) <= len(want) {
			t.Fatalf("only %d requests", len(requests))
		}
		for i, w := range want {
			if got := requests[i+1].Received.Sub(requests[i].Received).Round(time.Millisecond).Seconds(); got != w {
				t.Errorf("pause %d was %v s, want %v s", i, got, w)
			}
		}
	})
}

func TestRetryOfAlertmanagerIsTheSameNotification(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "")
		r.receiver.Next(1, discordtest.Busy(30*time.Second))
		a := firing("HighFailureRate", "warning")
		ctx := flush(t)
		for range 3 {
			if _, err := r.sendIn(ctx, a); err != nil {
				t.Fatal(err)
			}
		}
		// Another flush with other numbers while the first notification is still in the queue.
		newer := *a
		newer.Annotations = newer.Annotations.Clone()
		newer.Annotations["summary"] = "9.9 % of all calls fail"
		if _, err := r.send(t, &newer); err != nil {
			t.Fatal(err)
		}
		r.settled(t, time.Minute)
		if n := len(r.inbox.List(10)); n != 1 {
			t.Errorf("the inbox has %d", n)
		}
		got := r.receiver.Messages()
		if len(got) != 1 || got[0].Embeds[0].Description != "9.9 % of all calls fail" {
			t.Errorf("received %+v", got)
		}
	})
}

func TestDeliveredNotificationIsSentAgainOnlyByAnotherFlush(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "")
		a := firing("HighFailureRate", "warning")
		ctx := flush(t)
		for range 3 {
			if _, err := r.sendIn(ctx, a); err != nil {
				t.Fatal(err)
			}
		}
		if n := len(r.receiver.Messages()); n != 1 {
			t.Errorf("one flush sent %d messages", n)
		}
		time.Sleep(4 * time.Hour)
		if _, err := r.send(t, a); err != nil {
			t.Fatal(err)
		}
		if n := len(r.receiver.Messages()); n != 2 {
			t.Errorf("the repeat made it %d messages", n)
		}
		if n := len(r.inbox.List(10)); n != 2 {
			t.Errorf("the inbox has %d", n)
		}
	})
}

func TestLostAnswerCausesADuplicateAndNoLoss(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "")
		lost := discordtest.Hang()
		lost.Accept = true
		r.receiver.Next(1, lost)
		if _, err := r.send(t, firing("HighFailureRate", "warning")); err != nil {
			t.Fatal(err)
		}
		if entry := r.settled(t, time.Minute); entry.Delivery.State != discord.Delivered || len(r.receiver.Messages()) != 2 {
			t.Errorf("%d messages, delivery %+v", len(r.receiver.Messages()), entry.Delivery)
		}
	})
}

func TestRejectedNotificationIsNotSentAgain(t *testing.T) {
	t.Parallel()
	for _, status := range []int{400, 401, 403, 404, 302, 413} {
		t.Run(strconv.Itoa(status), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, "")
				r.receiver.Next(2, discordtest.Answer{Status: status, Body: `{"message":"Unknown Webhook","code":10015}`})
				a := firing("HighFailureRate", "critical")
				// Alertmanager retries at every flush, because Notify returned an error.
				for range 5 {
					if _, err := r.send(t, a); !errors.Is(err, discord.ErrRefused) || !strings.Contains(err.Error(), "Unknown Webhook") {
						t.Fatalf("Notify returned %v", err)
					}
					time.Sleep(time.Minute)
				}
				if n := len(r.receiver.Requests()); n != 1 {
					t.Errorf("sent %d times", n)
				}
				if entry := r.settled(t, 0); entry.Delivery.State != discord.Failed || entry.Delivery.Attempts != 1 {
					t.Errorf("delivery is %+v", entry.Delivery)
				}
				if n := strings.Count(r.logs.String(), "discord rejected notification"); n != 1 {
					t.Errorf("logged %d times:\n%s", n, r.logs)
				}
				// The next notifications are not blocked, and a repaired webhook is noticed.
				if _, err := r.send(t, firing("InstanceDown", "critical")); !errors.Is(err, discord.ErrRefused) {
					t.Errorf("Notify of the second notification returned %v", err)
				}
				time.Sleep(5 * time.Minute)
				if _, err := r.send(t, a); err != nil {
					t.Errorf("after ten minutes: %v", err)
				}
				if entry := r.settled(t, 0); entry.Delivery.State != discord.Delivered || entry.Delivery.Attempts != 2 || len(r.inbox.List(10)) != 2 {
					t.Errorf("delivery is %+v, the inbox has %d", entry.Delivery, len(r.inbox.List(10)))
				}
			})
		})
	}
}

func TestQueueSurvivesARestart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "data", "inbox.json")
		r := newRig(t, file)
		r.receiver.Next(2, discordtest.Hang())
		for _, name := range []string{"HighFailureRate", "InstanceDown"} {
			// The second flush ends while the first attempt still hangs.
			if _, err := r.send(t, firing(name, "critical")); err != nil {
				t.Fatal(err)
			}
		}
		r.stop()
		if n := len(r.receiver.Messages()); n != 0 {
			t.Fatalf("%d messages before the restart", n)
		}
		r.start(t, r.receiver, file)
		r.settled(t, 5*time.Minute)
		got := r.receiver.Messages()
		if len(got) != 2 || got[0].Title() != "[FIRING:1] HighFailureRate" || got[0].Content != "@here [FIRING:1] HighFailureRate" {
			t.Fatalf("received %+v", got)
		}
		for _, n := range r.inbox.List(10) {
			if n.Delivery.State != discord.Delivered {
				t.Errorf("%v is %+v", n.Alerts, n.Delivery)
			}
		}
	})
}

func TestUndeliveredNotificationIsGivenUpAfterADay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "")
		r.receiver.Next(10_000, discordtest.Status(http.StatusInternalServerError))
		if _, err := r.send(t, firing("HighFailureRate", "critical")); err != nil {
			t.Fatal(err)
		}
		if entry := r.settled(t, 23*time.Hour); entry.Delivery.State != discord.Delivering {
			t.Errorf("after 23 hours the delivery is %+v", entry.Delivery)
		}
		entry := r.settled(t, 2*time.Hour)
		if entry.Delivery.State != discord.Failed || !strings.Contains(entry.Delivery.LastError, "500 Internal Server Error") {
			t.Errorf("after 25 hours the delivery is %+v", entry.Delivery)
		}
	})
}

func TestWithoutAWebhookNotificationsStayInTheInbox(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := &logs{}
		inbox := discord.NewInbox("", l.logger())
		n, err := discord.New(discord.Options{Inbox: inbox, Logger: l.logger()})
		if err != nil {
			t.Fatal(err)
		}
		ctx := flush(t)
		for range 2 {
			if retry, err := n.Notify(ctx, firing("HighFailureRate", "critical")); retry || err != nil {
				t.Fatalf("Notify returned %t, %v", retry, err)
			}
		}
		got := inbox.List(10)
		if len(got) != 1 || got[0].Delivery.State != discord.Kept || got[0].Payload.Embeds[0].Title != "[FIRING:1] HighFailureRate" {
			t.Errorf("the inbox has %+v", got)
		}
		if log := l.String(); strings.Count(log, "\n") != 1 || !strings.Contains(log, "[FIRING:1] HighFailureRate") || !strings.Contains(log, "embeds") {
			t.Errorf("the log is\n%s", log)
		}
	})
}

func TestNotificationArrivesOverTheNetwork(t *testing.T) {
	t.Parallel()
	receiver := discordtest.Start()
	defer receiver.Close()
	receiver.Next(2, discordtest.Busy(100*time.Millisecond))
	n, err := discord.New(discord.Options{URL: discord.Secret(receiver.URL())})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	done := make(chan error, 1)
	go func() { done <- n.Run(ctx) }()
	if _, err := n.Notify(ctx, firing("HighFailureRate", "critical")); err != nil {
		t.Error(err)
	}
	m, err := receiver.Wait(ctx, func(m discordtest.Message) bool { return m.Title() == "[FIRING:1] HighFailureRate" })
	if err != nil || m.Attempts != 3 {
		t.Errorf("it arrived at attempt %d, %v", m.Attempts, err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
