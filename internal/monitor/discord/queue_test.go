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

// Whatever fills the inbox, what is still to be delivered is the last to go.
func TestFullInboxKeepsTheQueue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "")
		tell := func(from, to int) {
			t.Helper()
			for i := from; i < to; i++ {
				a := firing("A", "warning")
				a.Labels["instance"] = model.LabelValue(time.Duration(i).String())
				if _, err := r.send(t, a); err != nil {
					t.Fatal(err)
				}
			}
		}
		tell(0, 150)
		r.receiver.Next(1, discordtest.Busy(time.Minute))
		tell(150, 340)
		count := map[discord.State]int{}
		for _, n := range r.inbox.List(1000) {
			count[n.Delivery.State]++
		}
		if count[discord.Delivering] != 190 || count[discord.Delivered] != 10 {
			t.Errorf("the inbox holds %v", count)
		}
		tell(340, 352)
		r.settled(t, 2*time.Minute)
		if n := len(r.receiver.Messages()); n != 350 {
			t.Errorf("%d of 352 arrived, where two more were waiting than there is room for", n)
		}
		if n := strings.Count(r.logs.String(), "the oldest of the lowest severity is dropped"); n != 2 {
			t.Errorf("two were dropped, and %d logged", n)
		}
	})
}

func TestQueueIsGivenUpWhereNoWebhookIsAnyMore(t *testing.T) {
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
			t.Fatalf("before it is %+v", before)
		}
		go n.Run(t.Context()) //nolint:errcheck // it ends with the test's context, without one
		synctest.Wait()
		if d := inbox.List(1)[0].Delivery; d.State != discord.Failed || d.LastError != "DISCORD_URL is not set any more" {
			t.Errorf("after it is %+v", d)
		}
	})
}
