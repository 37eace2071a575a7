package discord

import (
	"log/slog"
	"slices"
	"sync"
	"time"
)

// maxKept is how many notifications an inbox keeps.
const maxKept = 200

// State is the state of a delivery.
type State string

// The states of a delivery.
const (
	// Kept: there is no DISCORD_URL, so the notification stays in the inbox.
	Kept State = "kept"
	// Delivering: it is in the queue.
	Delivering State = "delivering"
	// Delivered: Discord has confirmed it.
	Delivered State = "delivered"
	// Failed: it will not be sent again unless Alertmanager retries.
	Failed State = "failed"
)

// Notification is a message about a group of alerts.
type Notification struct {
	// ID is a sequence number, starting at 1.
	ID   uint64    `json:"id"`
	Time time.Time `json:"time"`
	// Status is firing if one of the alerts is, resolved otherwise.
	Status string `json:"status"`
	// Severity is the highest severity of the alerts, or empty.
	Severity string `json:"severity"`
	// Alerts are the names of the alerts. Summary is the summary of the first. Both
	// are plain text; in Payload the text is escaped for Discord.
	Alerts  []string `json:"alerts"`
	Summary string   `json:"summary"`
	// Payload is the message to Discord.
	Payload  Payload  `json:"payload"`
	Delivery Delivery `json:"delivery"`
}

// Delivery is the outcome of a notification so far.
type Delivery struct {
	State State `json:"state"`
	// Attempts counts the requests to Discord.
	Attempts int `json:"attempts"`
	// LastError is why the last attempt failed. It contains no part of DISCORD_URL.
	LastError string `json:"last_error,omitempty"`
	// DeliveredAt is when Discord confirmed it.
	DeliveredAt *time.Time `json:"delivered_at,omitempty"`
}

// record is a stored notification.
type record struct {
	Notification
	// Key is equal for identical notifications.
	Key string `json:"key"`
	// About is used to keep notifications about the same alert in order.
	About subject `json:"about,omitzero"`
	// flush is the time of the group's flush. refused is when Discord rejected the
	// notification, failed when it first failed in another way, and next when it may
	// be sent again. They and alone are not stored: after a restart the operator may
	// have fixed the cause.
	flush, refused, failed, next time.Time
	// alone counts the failures during which Discord answered other notifications.
	alone int
}

// fail takes a record out of the queue.
func (r *record) fail(reason string) { r.Delivery.State, r.Delivery.LastError = Failed, reason }

// Inbox keeps the last 200 notifications. Create it with [NewInbox].
type Inbox struct {
	log  *slog.Logger
	file string

	mu      sync.Mutex
	records []*record // oldest first
	last    uint64    // the newest ID
	outage  outage
	// delivered and failed count the notifications that left the queue since the start.
	delivered, failed uint64
	changed           chan struct{}

	disk disk
}

// NewInbox returns an inbox that loads the file and writes every change to it. Without
// a file name it stays in memory. A corrupt file is renamed. If the file cannot be
// written, the inbox logs that once and continues in memory, because a full disk must
// not prevent notifications.
func NewInbox(file string, log *slog.Logger) *Inbox {
	b := &Inbox{log: log.With("component", "inbox"), file: file, changed: make(chan struct{})}
	if file != "" {
		b.load()
	}
	return b
}

// List returns at most limit notifications, the newest first.
func (b *Inbox) List(limit int) []Notification {
	b.mu.Lock()
	defer b.mu.Unlock()
	list := make([]Notification, 0, len(b.records))
	for _, r := range slices.Backward(b.records) {
		if len(list) >= limit {
			break
		}
		list = append(list, r.Notification)
	}
	return list
}

// occasion decides whether an identical notification is a repetition or a new one.
type occasion struct {
	// flush is the time of the group's flush.
	flush time.Time
	// within is how long an identical notification counts as a repetition, unless
	// another one about the same alerts came in between.
	within time.Duration
}

// add stores a notification, unless it repeats one that is in the queue, was rejected a
// short while ago, or comes from the same flush. Then known is true and that one stays
// where it is. If the earlier one failed longer ago, add queues it again with a new ID. An
// error means that the notification is in memory but not in the file.
func (b *Inbox) add(n Notification, about subject, state State, key string, when occasion) (kept Notification, known bool, err error) {
	defer func() { err = b.save() }()
	b.mu.Lock()
	defer b.mu.Unlock()
	defer b.announce()
	n.Delivery.State = state
	if i := b.known(key, about, n.Time, when); i >= 0 {
		r := b.records[i]
		r.flush = when.flush
		switch {
		case r.Delivery.State == Delivering:
			// Send the newest numbers. The message says when they were taken.
			r.Payload, r.Summary = n.Payload, n.Summary
			return r.Notification, true, nil
		case r.Delivery.State != Failed || n.Time.Sub(r.refused) < refusedFor:
			return r.Notification, true, nil
		}
		n.Delivery.Attempts, n.Delivery.LastError = r.Delivery.Attempts, r.Delivery.LastError
		b.records = slices.Delete(b.records, i, i+1)
	}
	b.last++
	n.ID = b.last
	b.records = append(b.records, &record{Notification: n, Key: key, About: about, flush: when.flush})
	b.trim()
	return n, false, nil
}

// known returns the index of the record that a notification repeats, or -1.
func (b *Inbox) known(key string, about subject, now time.Time, when occasion) int {
	for i, r := range slices.Backward(b.records) {
		if r.Key != key {
			if when.within > 0 && r.About.concerns(about) {
				return -1
			}
			continue
		}
		undelivered := r.Delivery.State == Delivering || r.Delivery.State == Failed
		// Another flush of Alertmanager means a reminder, not a repetition.
		if undelivered || r.flush.Equal(when.flush) || now.Sub(r.Time) < when.within {
			return i
		}
		return -1
	}
	return -1
}

// get returns a notification by its ID.
func (b *Inbox) get(id uint64) (Notification, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	i := slices.IndexFunc(b.records, func(r *record) bool { return r.ID == id })
	if i < 0 {
		return Notification{}, false
	}
	return b.records[i].Notification, true
}

// settle records the outcome of an attempt. It returns how long the notification waits
// for its next attempt, if there is one.
func (b *Inbox) settle(id uint64, got answer, now time.Time) (wait time.Duration) {
	b.update(func() bool {
		i := slices.IndexFunc(b.records, func(r *record) bool { return r.ID == id })
		defer b.outage.note(got, now)
		if i < 0 {
			return false // it was dropped in the meantime
		}
		r := b.records[i]
		r.Delivery.Attempts++
		r.Delivery.LastError = got.reason
		switch {
		case got.delivered:
			r.Delivery.State, r.Delivery.DeliveredAt = Delivered, new(now.UTC())
			b.delivered++
		case got.final:
			r.Delivery.State, r.refused = Failed, now
			b.failed++
		case got.limited:
			wait = got.wait
		default:
			wait = max(backoff(r.Delivery.Attempts), got.wait)
			if r.failed.IsZero() {
				r.failed = now
			}
			if b.outage.blames(r) {
				r.alone++
			}
		}
		r.next = now.Add(wait)
		return true
	})
	return wait
}

// giveUp marks everything in the queue as failed.
func (b *Inbox) giveUp(reason string) {
	b.update(func() (touched bool) {
		for _, r := range b.records {
			if r.Delivery.State == Delivering {
				r.fail(reason)
				b.failed++
				touched = true
			}
		}
		return touched
	})
}

// update changes the inbox under its lock, and saves it if change returns true.
func (b *Inbox) update(change func() (touched bool)) {
	b.mu.Lock()
	touched := change()
	b.announce()
	b.mu.Unlock()
	if touched {
		_ = b.save() // save logs its error, and the inbox continues in memory
	}
}

// changes returns a channel that is closed at the next change.
func (b *Inbox) changes() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.changed
}

// announce wakes everything that waits for a change. The caller holds the lock.
func (b *Inbox) announce() {
	close(b.changed)
	b.changed = make(chan struct{})
}
