package discord

import (
	"context"
	"encoding/json"
	"time"
)

// refusedFor is how long a rejected notification is not sent again, even if Alertmanager
// retries it. It is longer than any flush interval, and short enough to notice soon
// that somebody has repaired the webhook in Discord.
const refusedFor = 10 * time.Minute

// Run delivers the notifications in the inbox until ctx ends, and then returns nil. The
// next Run on the same file delivers the rest.
func (n *Notifier) Run(ctx context.Context) error {
	if n.webhook == nil {
		n.inbox.giveUp("DISCORD_URL is no longer set")
		<-ctx.Done()
		return nil
	}
	defer n.client.http.CloseIdleConnections()
	if doubt := n.webhook.warning(); doubt != "" {
		n.log.WarnContext(ctx, "alerts may not arrive", "reason", doubt)
	}
	for ctx.Err() == nil {
		for _, given := range n.inbox.giveUpOld(time.Now()) {
			n.log.Error("gave up discord notification", "id", given.ID, "attempts", given.Delivery.Attempts, "error", given.Delivery.LastError)
		}
		if pause := n.client.pause.Left(); pause > 0 {
			n.rest(ctx, pause)
		} else if entry, wait, ok := n.inbox.next(time.Now()); ok {
			n.deliver(ctx, entry)
		} else {
			n.rest(ctx, wait)
		}
	}
	return nil
}

// rest waits until a notification is queued, ctx ends or the duration is over; 0 means
// no limit.
func (n *Notifier) rest(ctx context.Context, while time.Duration) {
	var over <-chan time.Time
	if while > 0 {
		timer := time.NewTimer(while)
		defer timer.Stop()
		over = timer.C
	}
	select {
	case <-over:
	case <-n.queued:
	case <-ctx.Done():
	}
}

// deliver makes one attempt.
func (n *Notifier) deliver(ctx context.Context, entry Notification) {
	got := n.attempt(ctx, entry.Payload)
	if ctx.Err() != nil && !got.delivered {
		// Run was stopped during the attempt, so the notification stays in the queue.
		// Discord may have the message already. A duplicate is better than a loss.
		return
	}
	wait := n.inbox.settle(entry.ID, got, time.Now())
	attempts := entry.Delivery.Attempts + 1
	switch {
	case got.delivered && attempts > 1:
		n.log.Info("discord notification delivered", "id", entry.ID, "attempts", attempts)
	case got.delivered:
	case got.final:
		n.log.Error("discord rejected notification", "id", entry.ID, "attempts", attempts, "error", got.reason)
	default:
		n.log.Warn("discord notification delayed", "id", entry.ID, "attempts", attempts, "retry_in", wait.String(), "error", got.reason)
	}
}

func (n *Notifier) attempt(ctx context.Context, message Payload) answer {
	body, err := json.Marshal(message)
	if err != nil {
		return answer{final: true, reason: "encode message: " + err.Error()}
	}
	return n.client.post(ctx, n.webhook, body)
}
