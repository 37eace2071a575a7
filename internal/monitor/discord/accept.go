package discord

import (
	"time"

	"github.com/prometheus/alertmanager/alert"
)

// repeatedWithin is how long after [Notifier.Accept] took a notification the same one
// counts as its repetition. A sender repeats what got no answer until the next flush of
// its group, 5 minutes later by default, and then once more. It reminds of an alert that
// goes on after hours.
const repeatedWithin = 10 * time.Minute

// Accept takes over a notification that a server outside this process sent. It returns
// at once: Run delivers the notification. group is the sender's name for the group of the
// alerts, of which there must be at least one.
//
// Without an error the notification is on disk, or Discord has confirmed it. With one, the
// sender should send it again: [ErrFull], or the error of the file.
//
// A notification tells the same as another one if the group is the same and the same
// alerts are in the same state since the same time. It is then repeated, which means that
// nothing further is delivered, in two cases: the first one is not delivered yet, or it
// came less than 10 minutes ago and none about the same alerts has come in between.
func (n *Notifier) Accept(group string, alerts ...*alert.Alert) (entry Notification, repeated bool, err error) {
	now := time.Now()
	entry, repeated, err = n.put(group, now, occasion{flush: now, within: repeatedWithin}, alerts)
	if !repeated {
		n.tell(entry)
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
