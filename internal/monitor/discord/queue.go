package discord

import (
	"cmp"
	"fmt"
	"iter"
	"slices"
	"time"
)

const (
	// firstBackoff is the pause after a failed attempt; each further one is twice as
	// long, up to maxBackoff. It holds for each notification, and for the webhook.
	firstBackoff = time.Second
	maxBackoff   = time.Minute
	// firstWait is the longest that the failures of others delay the first attempt of
	// a notification, so that no number of messages that fail for ever holds it up.
	firstWait = 5 * time.Second
	// severityLead is how many more attempts a notification may have had than one of
	// the next lower severity, and still go first while the webhook fails.
	severityLead = 10
	// blamed puts a notification behind all that had fewer attempts than this.
	blamed = 1 << 30
	// yieldAfter is how many attempts a notification has before it yields to a newer
	// one that tells of all its alerts in the same state.
	yieldAfter = 5
	// yieldAlone is how often it fails, while others are answered, before it yields to
	// one that tells of all its alerts in any state: some half an hour.
	yieldAlone = 30
	// maxAge is when an undelivered notification is given up: by then it misleads.
	maxAge = 24 * time.Hour
	// maxListed bounds how many alerts of a notification are kept apart. One with more
	// keeps its place among all notifications of its group.
	maxListed = 100
)

// outage is what the webhook failed lately, whatever the message was. While it is
// not over, attempts are made one at a time and ever more rarely.
type outage struct {
	// answered is when the webhook last took or refused a message, and failures
	// counts the attempts since then.
	answered time.Time
	failures int
	// last is when the last of them ended.
	last time.Time
}

// note takes in what came of an attempt.
func (o *outage) note(got answer, now time.Time) {
	if got.delivered || got.final {
		*o = outage{answered: now}
		return
	}
	o.failures++
	o.last = now
}

// blames reports whether others were answered since a notification first failed, so
// that the fault may be its own.
func (o outage) blames(r *record) bool { return !r.failed.IsZero() && o.answered.After(r.failed) }

// left returns how long a notification with so many attempts behind it has to wait
// for the webhook.
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

// backoff returns the pause after so many failures, at least one.
func backoff(failures int) time.Duration {
	if failures > 6 {
		return maxBackoff
	}
	return firstBackoff << (failures - 1)
}

// subject is what a notification is about.
type subject struct {
	// Group is a hash of the group's key.
	Group string `json:"group,omitempty"`
	// Firing and Resolved are the fingerprints of the alerts, none where there are
	// more than maxListed.
	Firing   []string `json:"firing,omitempty"`
	Resolved []string `json:"resolved,omitempty"`
}

// listed reports whether the alerts are known one by one.
func (s subject) listed() bool { return len(s.Firing)+len(s.Resolved) > 0 }

// covers reports whether s names every alert of older, in the same state or in any.
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

// concerns reports whether both may name the same alert.
func (s subject) concerns(other subject) bool {
	w := waiting{}
	w.add(s)
	return w.holds(other)
}

// waiting is the set of what undelivered notifications are about.
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

// holds reports whether one of them is about an alert of s.
func (w waiting) holds(s subject) bool {
	return w["all of "+s.Group] || !s.listed() && w["group "+s.Group] ||
		slices.ContainsFunc(s.Firing, func(id string) bool { return w[id] }) ||
		slices.ContainsFunc(s.Resolved, func(id string) bool { return w[id] })
}

// next returns the notification to be sent next. If none may be sent now, wait is how
// long until one may, 0 if the queue is empty.
//
// A notification is held back as long as an older one about one of its alerts is
// undelivered. Of the others each waits for its own back-off and for that of the
// webhook. Among those that may be sent, the most severe goes first, and of these
// the one that was tried least: what fails for ever holds up nothing else.
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

// heads yields the undelivered notifications that none holds back, the oldest
// first. Its caller holds the lock.
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

// left returns how long a notification has to wait, without the pauses that
// Discord asks for. Its caller holds the lock.
func (b *Inbox) left(r *record, now time.Time) time.Duration {
	return max(r.next.Sub(now), b.outage.left(r.Delivery.Attempts, now))
}

// compare orders notifications that may be sent. While the webhook fails, those
// come last whose fault it may be: others were answered since they first failed.
// Of the rest, a severe one that failed often lets others have their turn as well.
// Its caller holds the lock.
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

// soon reports whether the next attempt of a notification waits for nothing but
// attempts that are due before.
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

// giveUpOld takes out of the queue, and returns, what is too old to be sent, and
// what failed often and now yields to a newer notification of the same alerts.
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

// reasonToGiveUp is empty for what stays as it is. Its caller holds the lock.
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
		return fmt.Sprintf("replaced by notification %d, which tells of the same alerts: ", heir.ID)
	}
	return ""
}

// heir returns the notification that a record holds back first, if it can take the
// record's place, or nil. Its caller holds the lock.
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

// trim makes room. First goes the oldest that is not in the queue; if all are,
// the oldest of the lowest severity.
func (b *Inbox) trim() {
	for len(b.records) > maxKept {
		least := slices.MinFunc(b.records, func(x, y *record) int { return cmp.Compare(x.worth(), y.worth()) })
		if least.Delivery.State == Delivering {
			b.failed++
			b.log.Error("inbox is full of undelivered notifications, the oldest of the lowest severity is dropped",
				"id", least.ID, "severity", least.Severity, "alerts", least.Alerts, "error", least.Delivery.LastError)
		}
		b.records = slices.DeleteFunc(b.records, func(r *record) bool { return r == least })
	}
}

// worth is 0 for what is not in the queue, and grows with the severity.
func (r *record) worth() int {
	if r.Delivery.State != Delivering {
		return 0
	}
	return 1 + leastRank - rankOf(r.Severity)
}
