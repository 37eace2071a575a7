package discord_test

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/alertmanager/alert"
	"github.com/prometheus/alertmanager/notify"
	"github.com/prometheus/common/model"

	"onsale/internal/monitor/discord"
	"onsale/internal/monitor/discord/discordtest"
)

// simulation has a few groups of alerts that fire and resolve at random, and a Discord that fails at random. Every
// message has a sequence number.
type simulation struct {
	*rig
	random *rand.Rand
	alerts map[string]*alert.Alert // the firing alerts, by instance
	sent   []states
}

// states is one notification: the status of each alert, by instance.
type states map[string]model.AlertStatus

// step lets one alert fire or resolve and notifies its group as Alertmanager does: with all firing alerts and the one
// that resolved.
func (s *simulation) step(t *testing.T) {
	t.Helper()
	group := fmt.Sprintf("Group%d", s.random.IntN(3))
	which := s.random.IntN(3)
	instance := fmt.Sprintf("%s-%d", group, which)
	var alerts []*alert.Alert
	if a := s.alerts[instance]; a != nil {
		alerts = append(alerts, resolved(a))
		delete(s.alerts, instance)
	} else {
		a := firing(group, []string{"critical", "warning", "info"}[which])
		a.Labels["instance"], a.StartsAt = model.LabelValue(instance), time.Now()
		s.alerts[instance] = a
	}
	for _, other := range slices.Sorted(maps.Keys(s.alerts)) {
		if strings.HasPrefix(other, group) {
			alerts = append(alerts, s.alerts[other])
		}
	}
	now := states{}
	for i, a := range alerts {
		numbered := *a
		numbered.Annotations = model.LabelSet{"summary": model.LabelValue(fmt.Sprintf("number %d", len(s.sent)))}
		alerts[i] = &numbered
		now[string(a.Labels["instance"])] = a.StatusAt(time.Now())
	}
	s.sent = append(s.sent, now)
	ctx := notify.WithGroupKey(flush(t), group)
	if _, err := s.sendIn(ctx, alerts...); err != nil {
		t.Fatal(err)
	}
}

// number returns the sequence number of a message.
func number(t *testing.T, m discordtest.Message) (n int) {
	t.Helper()
	if _, err := fmt.Sscanf(strings.TrimPrefix(m.Embeds[0].Description, "It was: "), "number %d", &n); err != nil {
		t.Fatalf("%q has no number: %v", m.Embeds[0].Description, err)
	}
	return n
}

// However Discord fails, no message overtakes an older one about the same alert. None is lost unless a newer one
// replaces it. In the end every resolved alert has been reported as resolved.
func TestOrderOfEachAlertIsKept(t *testing.T) {
	t.Parallel()
	for seed := range uint64(8) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				file := filepath.Join(t.TempDir(), "inbox.json")
				s := &simulation{rig: newRig(t, file), random: rand.New(rand.NewPCG(seed, 0)), alerts: map[string]*alert.Alert{}}
				fail := []discordtest.Answer{
					discordtest.Status(http.StatusInternalServerError), discordtest.Busy(2 * time.Second), discordtest.Hang(),
				}
				random, poison := rand.New(rand.NewPCG(seed, 1)), fmt.Sprintf("Group%d", seed%3)
				s.receiver.When(func(m discordtest.Body) *discordtest.Answer {
					if random.Float64() < 0.3 || strings.Contains(m.Title(), poison) && random.Float64() < 0.8 {
						return &fail[random.IntN(len(fail))]
					}
					return nil
				})
				for i := range 60 {
					s.step(t)
					time.Sleep(time.Duration(s.random.IntN(40)) * time.Second)
					if i%20 == 19 {
						s.stop()
						s.start(t, s.receiver, file)
					}
				}
				s.receiver.When(nil)
				s.settled(t, 10*time.Minute)

				latest, seen := map[string]int{}, map[int]bool{}
				for _, m := range s.receiver.Messages() {
					n := number(t, m)
					seen[n] = true
					for instance := range s.sent[n] {
						if before, ok := latest[instance]; ok && before > n {
							t.Errorf("message %d about %s arrived after message %d", n, instance, before)
						}
						latest[instance] = n
					}
				}
				replaced := 0
				for _, n := range s.inbox.List(100) {
					if n.Delivery.State == discord.Failed && strings.HasPrefix(n.Delivery.LastError, "replaced by notification") {
						replaced++
					} else if n.Delivery.State != discord.Delivered {
						t.Errorf("notification %d has delivery %+v", n.ID, n.Delivery)
					}
				}
				if len(seen)+replaced != len(s.sent) {
					t.Errorf("of %d, %d arrived and %d were replaced", len(s.sent), len(seen), replaced)
				}
				for n, now := range s.sent {
					for instance, status := range now {
						if status == model.AlertResolved && latest[instance] < n {
							t.Errorf("no message from %d on reported %s as resolved", n, instance)
						}
					}
				}
			})
		})
	}
}

// grouped sends alerts as a group of that name.
func (r *rig) grouped(t *testing.T, group string, alerts ...*alert.Alert) {
	t.Helper()
	if _, err := r.sendIn(notify.WithGroupKey(flush(t), group), alerts...); err != nil {
		t.Fatal(err)
	}
}

// apartFrom returns an alert of the same name at another instance.
func apartFrom(a *alert.Alert, instance, severity string) *alert.Alert {
	other := *a
	other.Labels = a.Labels.Clone()
	other.Labels["instance"], other.Labels["severity"] = model.LabelValue(instance), model.LabelValue(severity)
	return &other
}

// A message that always fails is replaced by the next one of its group, if that one covers all its alerts.
func TestPoisonIsReplacedByAMessageThatCoversItsAlerts(t *testing.T) {
	t.Parallel()
	for name, many := range map[string]int{"listed": 1, "too many to list": 150} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, "")
				var alerts []*alert.Alert
				for i := range many {
					alerts = append(alerts, apartFrom(firing("Group", "warning"), fmt.Sprint(i), "warning"))
				}
				r.receiver.When(only(fmt.Sprintf("[FIRING:%d] Group", many), discordtest.Status(http.StatusInternalServerError)))
				r.grouped(t, "all", alerts...)
				r.settled(t, time.Hour)
				began := time.Now()
				r.grouped(t, "all", append(alerts, apartFrom(alerts[0], "new", "critical"))...)
				r.settled(t, time.Minute)
				took, ok := r.arrived(began)[fmt.Sprintf("[FIRING:%d] Group", many+1)]
				if ok != (many == 1) || took > time.Second {
					t.Errorf("the newer message arrived: %t, after %s", ok, took)
				}
				old := r.inbox.List(2)[1].Delivery
				if replaced := strings.HasPrefix(old.LastError, "replaced by notification 2, which is about the same alerts: 500"); replaced != (many == 1) {
					t.Errorf("the older message has delivery %+v", old)
				}
			})
		})
	}
}

// If Discord answers other messages, one that always fails is replaced in the end by the one that reports its alerts as
// resolved.
func TestPoisonIsReplacedByItsResolvedMessageAfterHalfAnHour(t *testing.T) {
	t.Parallel()
	for name, others := range map[string]bool{"others are answered": true, "everything fails": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, "")
				one := firing("Group", "warning")
				fails := func(m discordtest.Body) *discordtest.Answer {
					if !others || len(m.Embeds) == 1 && strings.Contains(m.Title(), "[FIRING:1] Group") {
						return new(discordtest.Status(http.StatusInternalServerError))
					}
					return nil
				}
				r.receiver.When(fails)
				r.grouped(t, "all", one)
				r.grouped(t, "all", resolved(one), apartFrom(one, "other", "critical"))
				count := func() (ours int) {
					for _, m := range r.receiver.Messages() {
						if strings.Contains(m.Title(), "Group") {
							ours++
						}
					}
					return ours
				}
				for minute := range 60 {
					if others {
						r.grouped(t, "else", firing(fmt.Sprintf("Else%d", minute), "info"))
					}
					time.Sleep(time.Minute)
					if minute < 20 && count() > 0 {
						t.Fatalf("a newer message overtook it after %d minutes", minute)
					}
				}
				if n := count(); n != map[bool]int{true: 1, false: 0}[others] {
					t.Errorf("after an hour %d messages of the group arrived", n)
				}
				r.receiver.When(nil)
				r.settled(t, 5*time.Minute)
				if n := count(); n != map[bool]int{true: 1, false: 2}[others] {
					t.Errorf("in the end %d messages of the group arrived", n)
				}
			})
		})
	}
}

// Messages about different alerts of one group do not wait for each other.
func TestPoisonDelaysOnlyItsOwnAlert(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "")
		one := firing("Group", "warning")
		r.receiver.Next(1, discordtest.Status(http.StatusInternalServerError))
		r.receiver.When(only("Group", discordtest.Status(http.StatusInternalServerError)))
		r.grouped(t, "all", one)
		r.settled(t, time.Hour)
		r.receiver.When(func(m discordtest.Body) *discordtest.Answer {
			if strings.Contains(m.Embeds[0].Fields[0].Name, "other") {
				return nil
			}
			return new(discordtest.Status(http.StatusInternalServerError))
		})
		r.grouped(t, "all", resolved(one))
		r.grouped(t, "all", apartFrom(one, "other", "info"))
		r.settled(t, 2*time.Minute)
		if got := r.receiver.Messages(); len(got) != 1 || !strings.Contains(got[0].Embeds[0].Fields[0].Name, "other") {
			t.Errorf("received %d messages", len(got))
		}
	})
}

// A flood of warnings does not drop an undelivered critical notification.
func TestFloodDropsTheLeastSevere(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "")
		r.grouped(t, "old", firing("Delivered", "critical"))
		r.receiver.When(func(discordtest.Body) *discordtest.Answer { return new(discordtest.Status(http.StatusBadGateway)) })
		for i := range 20 {
			r.grouped(t, "a", firing(fmt.Sprintf("critical%d", i), "critical"))
		}
		for i := range 300 {
			r.grouped(t, "a", firing(fmt.Sprintf("warning%d", i), "warning"))
		}
		count := map[string]int{}
		for _, n := range r.inbox.List(1000) {
			count[strings.TrimRight(n.Alerts[0], "0123456789")]++
		}
		if count["critical"] != 20 || count["warning"] != 180 {
			t.Errorf("the inbox has %v", count)
		}
		if n := strings.Count(r.logs.String(), "dropped the oldest of the lowest severity"); n != 120 {
			t.Errorf("%d dropped notifications were logged, want 120", n)
		}
		// The new notification itself may be dropped. Then Notify returns an error.
		_, err := r.send(t, firing("info", "info"))
		if !errors.Is(err, discord.ErrFull) {
			t.Errorf("Notify returned %v", err)
		}
		r.receiver.When(nil)
		r.settled(t, 5*time.Minute)
		if n := len(r.receiver.Messages()); n != 201 {
			t.Errorf("%d of 201 arrived", n)
		}
	})
}
