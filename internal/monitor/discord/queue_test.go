package discord_test

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/common/model"

	"onsale/internal/monitor/discord"
	"onsale/internal/monitor/discord/discordtest"
)

// A full inbox drops undelivered notifications last.
func TestFullInboxKeepsTheQueue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "")
		notify := func(from, to int) {
			t.Helper()
			for i := from; i < to; i++ {
				a := firing("A", "warning")
				a.Labels["instance"] = model.LabelValue(time.Duration(i).String())
				if _, err := r.send(t, a); err != nil {
					t.Fatal(err)
				}
			}
		}
		notify(0, 150)
		r.receiver.Next(1, discordtest.Busy(time.Minute))
		notify(150, 340)
		count := map[discord.State]int{}
		for _, n := range r.inbox.List(1000) {
			count[n.Delivery.State]++
		}
		if count[discord.Delivering] != 190 || count[discord.Delivered] != 10 {
			t.Errorf("the inbox has %v", count)
		}
		notify(340, 352)
		r.settled(t, 2*time.Minute)
		if n := len(r.receiver.Messages()); n != 350 {
			t.Errorf("%d of 352 arrived, want all but the two that did not fit", n)
		}
		if n := strings.Count(r.logs.String(), "dropped the oldest of the lowest severity"); n != 2 {
			t.Errorf("%d dropped notifications were logged, want 2", n)
		}
	})
}

func TestQueueIsGivenUpWithoutAWebhook(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "inbox.json")
		r := newRig(t, file)
		r.receiver.Next(1, discordtest.Status(http.StatusBadGateway))
		if _, err := r.send(t, firing("A", "warning")); err != nil {
			t.Fatal(err)
		}
		r.stop()
		inbox := discord.NewInbox(file, r.logs.logger())
		n, err := discord.New(discord.Options{Inbox: inbox})
		if err != nil {
			t.Fatal(err)
		}
		if before := inbox.List(1)[0].Delivery; before.State != discord.Delivering {
			t.Fatalf("before, the delivery is %+v", before)
		}
		go n.Run(t.Context()) //nolint:errcheck // Run returns nil when the test's context ends
		synctest.Wait()
		if d := inbox.List(1)[0].Delivery; d.State != discord.Failed || d.LastError != "DISCORD_URL is no longer set" {
			t.Errorf("after, the delivery is %+v", d)
		}
	})
}
