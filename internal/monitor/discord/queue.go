package discord

import (
	"cmp"
	"fmt"
	"iter"
	"slices"
	"time"
)

const (
	// firstBackoff is the pause after a failed attempt. It doubles with each further
	// failure, up to maxBackoff. Each notification has its own, and so has the webhook.
	firstBackoff = time.Second
	maxBackoff   = time.Minute
	// firstWait limits how long failures of other notifications delay the first
	// attempt of a notification, however many of them keep failing.
	firstWait = 5 * time.Second
	// severityLead is how many more attempts a notification may have had than one of
	// the next lower severity and still go first while the webhook fails.
	severityLead = 10
	// blamed is added to the attempts of a notification that is probably the cause of
	// its own failures, so that it goes last.
	blamed = 1 << 30
	// yieldAfter is the number of attempts after which a notification is replaced by a
	// newer one that covers all its alerts in the same state.
	yieldAfter = 5
	// yieldAlone is the number of failures, while Discord answers others, after which a
	// notification is replaced by one that covers all its alerts in any state. It is
	// reached after about half an hour.
	yieldAlone = 30
	// maxAge is when an undelivered notification is given up. Later it would mislead.
	maxAge = 24 * time.Hour
	// maxListed limits the fingerprints that are stored for a notification. One with
	// more alerts is ordered by its group instead.
	maxListed = 100
)

// outage counts the recent failures of the webhook, for all messages. While it lasts,
// attempts are made one at a time with growing pauses.
type outage struct {
	// answered is when the webhook last accepted or rejected a message. failures counts
	// the failed attempts since then.
	answered time.Time
	failures int
	// last is when the last failed attempt ended.
	last time.Time
}

// note records the outcome of an attempt.
func (o *outage) note(got answer, now time.Time) {
	if got.delivered || got.final {
		*o = outage{answered: now}
		return
	}
	o.failures++
	o.last = now
}

// blames reports whether Discord has answered other notifications since this one first
// failed. Then this one may be the cause of its failures.
func (o outage) blames(r *record) bool { return !r.failed.IsZero() && o.answered.After(r.failed) }

// left returns how long a notification with this many attempts must wait for the
// webhook.
func (o outage) left(attempts int, now time.Time) time.Duration {
	if o.failures == 0 {
		return 0
	}
	wait := backoff(o.failures)
	if attempts == 0 {
		wait = min(wait, firstWait)
	}
	return o.last.Add(wait).Sub(now)
}

// backoff returns the pause after a number of failures, which must be at least 1.
func backoff(failures int) time.Duration {
	if failures > 6 {
		return maxBackoff
	}
	return firstBackoff << (failures - 1)
}

// subject is the set of alerts that a notification is about.
type subject struct {
	// Group is a hash of the group's key.
	Group string `json:"group,omitempty"`
	// Firing and Resolved are the fingerprints of the alerts. They are empty if there
	// are more than maxListed.
	Firing   []string `json:"firing,omitempty"`
	Resolved []string `json:"resolved,omitempty"`
}

// listed reports whether s has the fingerprints of its alerts.
func (s subject) listed() bool { return len(s.Firing)+len(s.Resolved) > 0 }

// covers reports whether s has every alert of older, in the same state or, with
// anyState, in any.
func (s subject) covers(older subject, anyState bool) bool {
	firing, over := s.Firing, s.Resolved
	if anyState {
		firing = slices.Concat(firing, over)
		over = firing
	}
	missing := func(some, all []string) bool {
		return slices.ContainsFunc(some, func(id string) bool { return !slices.Contains(all, id) })
	}
	return s.listed() && older.listed() && !missing(older.Firing, firing) && !missing(older.Resolved, over)
}

// concerns reports whether both may be about the same alert.
func (s subject) concerns(other subject) bool {
	w := waiting{}
	w.add(s)
	return w.holds(other)
}

// waiting is the set of alerts and groups of the undelivered notifications.
type waiting map[string]bool

func (w waiting) add(s subject) {
	w["group "+s.Group] = true
	if !s.listed() {
		w["all of "+s.Group] = true
	}
	for _, id := range slices.Concat(s.Firing, s.Resolved) {
		w[id] = true
	}
}

// holds reports whether an undelivered notification is about an alert of s.
func (w waiting) holds(s subject) bool {
	return w["all of "+s.Group] || !s.listed() && w["group "+s.Group] ||
		slices.ContainsFunc(s.Firing, func(id string) bool { return w[id] }) ||
		slices.ContainsFunc(s.Resolved, func(id string) bool { return w[id] })
}

// next returns the notification to send next. If none may be sent now, wait is the time
// until one may, or 0 if the queue is empty.
//
// A notification waits while an older one about one of its alerts is undelivered. The
// others wait for their own back-off and for the back-off of the webhook. Of those that
// may be sent, the most severe goes first. Of equal ones, the one with the fewest
// attempts goes first, so that one that always fails does not block the others.
func (b *Inbox) next(now time.Time) (n Notification, wait time.Duration, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var best *record
	for r := range b.heads() {
		switch left := b.left(r, now); {
		case left > 0 && (wait == 0 || left < wait):
			wait = left
		case left <= 0 && (best == nil || b.compare(r, best) < 0):
			best = r
		}
	}
	if best == nil {
		return Notification{}, wait, false
	}
	return best.Notification, 0, true
}

// heads yields the undelivered notifications that do not wait for an older one, the
// oldest first. The caller holds the lock.
func (b *Inbox) heads() iter.Seq[*record] {
	return func(yield func(*record) bool) {
		older := waiting{}
		for _, r := range b.records {
			if r.Delivery.State != Delivering {
				continue
			}
			if !older.holds(r.About) && !yield(r) {
				return
			}
			older.add(r.About)
		}
	}
}

// left returns how long a notification must wait. It does not include the pauses that
// Discord requests. The caller holds the lock.
func (b *Inbox) left(r *record, now time.Time) time.Duration {
	return max(r.next.Sub(now), b.outage.left(r.Delivery.Attempts, now))
}

// compare orders the notifications that may be sent. While the webhook fails, those that
// may be the cause come last. Among the rest, attempts count too, so that a severe one
// that failed often does not block the others. The caller holds the lock.
func (b *Inbox) compare(x, y *record) int {
	if b.outage.failures == 0 {
		return cmp.Or(
			cmp.Compare(rankOf(x.Severity), rankOf(y.Severity)),
			cmp.Compare(x.Delivery.Attempts, y.Delivery.Attempts), cmp.Compare(x.ID, y.ID),
		)
	}
	turn := func(r *record) int {
		t := severityLead*rankOf(r.Severity) + r.Delivery.Attempts
		if b.outage.blames(r) {
			t += blamed
		}
		return t
	}
	return cmp.Or(cmp.Compare(turn(x), turn(y)), cmp.Compare(x.ID, y.ID))
}

// soon reports whether a notification waits only for attempts that come before it, and
// not for a back-off.
func (b *Inbox) soon(id uint64, now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for r := range b.heads() {
		if r.ID == id {
			return b.left(r, now) <= 0
		}
	}
	return false
}

// giveUpOld marks as failed, and returns, the notifications that are too old and those
// that failed often and are replaced by a newer one about the same alerts.
func (b *Inbox) giveUpOld(now time.Time) (given []Notification) {
	b.update(func() bool {
		for i, r := range b.records {
			if reason := b.reasonToGiveUp(i, now); reason != "" {
				r.fail(reason + r.Delivery.LastError)
				b.failed++
				given = append(given, r.Notification)
			}
		}
		return len(given) > 0
	})
	return given
}

// reasonToGiveUp returns why to give up a record, or an empty string. The caller holds
// the lock.
func (b *Inbox) reasonToGiveUp(i int, now time.Time) string {
	r := b.records[i]
	switch {
	case r.Delivery.State != Delivering:
		return ""
	case now.Sub(r.Time) > maxAge:
		return fmt.Sprintf("not delivered within %s: ", maxAge)
	case r.Delivery.Attempts < yieldAfter:
		return ""
	}
	if heir := b.heir(i); heir != nil {
		return fmt.Sprintf("replaced by notification %d, which is about the same alerts: ", heir.ID)
	}
	return ""
}

// heir returns the first notification that waits for a record, if it can replace the
// record. Otherwise it returns nil. The caller holds the lock.
func (b *Inbox) heir(i int) *record {
	own := waiting{}
	own.add(b.records[i].About)
	for _, r := range b.records[i+1:] {
		if r.Delivery.State == Delivering && own.holds(r.About) {
			if r.About.covers(b.records[i].About, b.records[i].alone >= yieldAlone) {
				return r
			}
			return nil
		}
	}
	return nil
}

// trim removes records above maxKept: first the oldest that is not in the queue; if all
// are, the oldest of the lowest severity.
func (b *Inbox) trim() {
	for len(b.records) > maxKept {
		least := slices.MinFunc(b.records, func(x, y *record) int { return cmp.Compare(x.worth(), y.worth()) })
		if least.Delivery.State == Delivering {
			b.failed++
			b.log.Error("inbox is full of undelivered notifications; dropped the oldest of the lowest severity",
				"id", least.ID, "severity", least.Severity, "alerts", least.Alerts, "error", least.Delivery.LastError)
		}
		b.records = slices.DeleteFunc(b.records, func(r *record) bool { return r == least })
	}
}

// worth is 0 for a record that is not in the queue, and higher for a higher severity.
func (r *record) worth() int {
	if r.Delivery.State != Delivering {
		return 0
	}
	return 1 + leastRank - rankOf(r.Severity)
}
