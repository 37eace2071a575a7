package discord

import (
	"log/slog"
	"slices"
	"sync"
	"time"
)

// maxKept is how many notifications an inbox holds.
const maxKept = 200

// State is how far the delivery of a notification has come.
type State string

// The states of a delivery.
const (
	// Kept: there is no DISCORD_URL, the inbox is where the notification ends.
	Kept State = "kept"
	// Delivering: it is in the queue.
	Delivering State = "delivering"
	// Delivered: Discord has confirmed it.
	Delivered State = "delivered"
	// Failed: it will not be sent again, unless Alertmanager asks once more.
	Failed State = "failed"
)

// Notification is what people were told about a group of alerts.
type Notification struct {
	// ID counts notifications, from 1.
	ID   uint64    `json:"id"`
	Time time.Time `json:"time"`
	// Status is firing if one of the alerts is, resolved otherwise.
	Status string `json:"status"`
	// Severity is that of the most severe alert, or empty.
	Severity string `json:"severity"`
	// Alerts are the names of the alerts, and Summary that of the first. Both
	// are plain text, which Discord's form of it is not.
	Alerts  []string `json:"alerts"`
	Summary string   `json:"summary"`
	// Payload is what Discord gets.
	Payload  Payload  `json:"payload"`
	Delivery Delivery `json:"delivery"`
}

// Delivery says what became of a notification.
type Delivery struct {
	State State `json:"state"`
	// Attempts counts the requests to Discord.
	Attempts int `json:"attempts"`
	// LastError is why the last attempt failed. It holds nothing of DISCORD_URL.
	LastError string `json:"last_error,omitempty"`
	// DeliveredAt is when Discord confirmed it.
	DeliveredAt *time.Time `json:"delivered_at,omitempty"`
}

// record is a notification as it is kept.
type record struct {
	Notification
	// Key is the same for what tells the same.
	Key string `json:"key"`
	// About is what keeps notifications of the same alert in order.
	About subject `json:"about,omitzero"`
	// flush is the flush of the group it belongs to, refused when Discord refused it,
	// failed when it first failed otherwise, and next when it may be sent again. A
	// restart forgets them, and alone: the operator may have repaired what was wrong.
	flush, refused, failed, next time.Time
	// alone counts the failures while others were answered.
	alone int
}

// fail takes a record out of the queue.
func (r *record) fail(reason string) { r.Delivery.State, r.Delivery.LastError = Failed, reason }

// Inbox keeps the last 200 notifications. [NewInbox] makes one.
type Inbox struct {
	log  *slog.Logger
	file string

	mu      sync.Mutex
	records []*record // oldest first
	last    uint64    // the newest ID
	outage  outage
	// delivered and failed count since the start what left the queue.
	delivered, failed uint64
	changed           chan struct{}

	disk disk
}

// NewInbox returns an inbox that continues what the file holds and writes every
// change to it; no file name keeps it in memory. A file that makes no sense is
// set aside. Where the file cannot be written the inbox says so once and goes
// on in memory: a full disk must not keep anybody from being told.
func NewInbox(file string, log *slog.Logger) *Inbox {
	b := &Inbox{log: log.With("component", "inbox"), file: file, changed: make(chan struct{})}
	if file != "" {
		b.load()
	}
	return b
}

// List returns the newest notifications, the newest first, at most limit.
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

// occasion tells a notification that is repeated from one that comes anew.
type occasion struct {
	// flush is the flush of the group that made it.
	flush time.Time
	// within is how long after a notification the same one counts as its repetition,
	// unless one about the same alerts in another state came in between.
	within time.Duration
}

// add keeps a notification. One that is known stays where it is: in the queue,
// refused a short while ago, or from the same occasion. One that failed before that
// is queued anew, with the newest ID. The error is that of the file, which then does
// not have the notification; the memory has it.
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
			// The newest figures are sent, and the message says when they were true.
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

// known returns the index of the record that a notification continues, or -1.
func (b *Inbox) known(key string, about subject, now time.Time, when occasion) int {
	for i, r := range slices.Backward(b.records) {
		if r.Key != key {
			if when.within > 0 && r.About.concerns(about) {
				return -1
			}
			continue
		}
		undelivered := r.Delivery.State == Delivering || r.Delivery.State == Failed
		// Alertmanager repeats what goes on, at a flush of its own.
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

// settle writes down what came of an attempt, and returns how long the
// notification waits for the next one, if there is one.
func (b *Inbox) settle(id uint64, got answer, now time.Time) (wait time.Duration) {
	b.update(func() bool {
		i := slices.IndexFunc(b.records, func(r *record) bool { return r.ID == id })
		defer b.outage.note(got, now)
		if i < 0 {
			return false // it was dropped meanwhile
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

// giveUp takes everything out of the queue.
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

// update changes the inbox under its lock, and saves it if that touched anything.
func (b *Inbox) update(change func() (touched bool)) {
	b.mu.Lock()
	touched := change()
	b.announce()
	b.mu.Unlock()
	if touched {
		_ = b.save() // it logs its error, and the inbox goes on in memory
	}
}

// changes returns a channel that is closed at the next change.
func (b *Inbox) changes() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.changed
}

// announce wakes up who waits for a change. Its caller holds the lock.
func (b *Inbox) announce() {
	close(b.changed)
	b.changed = make(chan struct{})
}
