package discord

import (
	"time"

	"github.com/prometheus/alertmanager/alert"
)

// repeatedWithin is how long an identical notification counts as a repetition of the
// first. A sender that got no answer retries until the next flush of the group (5
// minutes later by default) and then once more. It repeats a firing alert as a
// reminder only after hours.
const repeatedWithin = 10 * time.Minute

// Accept stores a notification from a server outside this process, and returns without
// waiting for its delivery. [Notifier.Run] delivers it. group is the sender's key of the
// alert group. There must be at least one alert.
//
// If the error is nil, the notification is on disk or Discord has confirmed it.
// Otherwise the error is [ErrFull] or a file error, and the sender should retry.
//
// Two notifications are identical if they have the same group and the same alerts, each
// in the same state and with the same start time. An identical notification is a
// repetition, and is not delivered again, in two cases: the first is not delivered yet,
// or it came less than 10 minutes ago and no other notification about the same alerts
// has come since.
func (n *Notifier) Accept(group string, alerts ...*alert.Alert) (entry Notification, repeated bool, err error) {
	now := time.Now()
	entry, repeated, err = n.put(group, now, occasion{flush: now, within: repeatedWithin}, alerts)
	if !repeated {
		n.logNew(entry)
	}
	n.wake()
	kept, ok := n.inbox.get(entry.ID)
	switch {
	case !ok:
		return entry, repeated, ErrFull
	case kept.Delivery.State == Delivered:
		err = nil
	}
	return kept, repeated, err
}
