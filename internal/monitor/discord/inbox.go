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
	// flush is the flush of the group it belongs to, and refused when Discord
	// refused it. A restart forgets both: the operator may have repaired it.
	flush, refused time.Time
}

// Inbox keeps the last 200 notifications. [NewInbox] makes one.
type Inbox struct {
	log  *slog.Logger
	file string

	mu      sync.Mutex
	records []*record // oldest first
	last    uint64    // the newest ID
	changed chan struct{}

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

// add keeps a notification. One that is known stays where it is: in the queue,
// refused a short while ago, or from the same flush of its group. One that
// failed before that is queued anew, with the newest ID.
func (b *Inbox) add(n Notification, state State, key string, flush time.Time) (kept Notification, known bool) {
	defer b.save()
	b.mu.Lock()
	defer b.mu.Unlock()
	defer b.announce()
	n.Delivery.State = state
	if i := b.known(key, flush); i >= 0 {
		r := b.records[i]
		r.flush = flush
		switch {
		case r.Delivery.State == Delivering:
			// The newest figures are sent, and the message says when they were true.
			r.Payload, r.Summary = n.Payload, n.Summary
			return r.Notification, true
		case r.Delivery.State != Failed || n.Time.Sub(r.refused) < refusedFor:
			return r.Notification, true
		}
		n.Delivery.Attempts, n.Delivery.LastError = r.Delivery.Attempts, r.Delivery.LastError
		b.records = slices.Delete(b.records, i, i+1)
	}
	b.last++
	n.ID = b.last
	b.records = append(b.records, &record{Notification: n, Key: key, flush: flush})
	b.trim()
	return n, false
}

// known returns the index of the record that a notification continues, or -1.
func (b *Inbox) known(key string, flush time.Time) int {
	for i, r := range slices.Backward(b.records) {
		if r.Key != key {
			continue
		}
		undelivered := r.Delivery.State == Delivering || r.Delivery.State == Failed
		// Alertmanager repeats what goes on, at a flush of its own.
		if undelivered || r.flush.Equal(flush) {
			return i
		}
		return -1
	}
	return -1
}

// trim drops the oldest. Since delivery is in order, what is in the queue is
// newer than all the rest, and goes last.
func (b *Inbox) trim() {
	for len(b.records) > maxKept {
		if oldest := b.records[0]; oldest.Delivery.State == Delivering {
			b.log.Error("inbox is full of undelivered notifications, the oldest is dropped", "id", oldest.ID)
		}
		b.records = slices.Delete(b.records, 0, 1)
	}
}

// next returns the oldest notification in the queue.
func (b *Inbox) next() (Notification, bool) {
	return b.find(func(r *record) bool { return r.Delivery.State == Delivering })
}

// get returns a notification by its ID.
func (b *Inbox) get(id uint64) (Notification, bool) {
	return b.find(func(r *record) bool { return r.ID == id })
}

func (b *Inbox) find(match func(*record) bool) (Notification, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	i := slices.IndexFunc(b.records, match)
	if i < 0 {
		return Notification{}, false
	}
	return b.records[i].Notification, true
}

// settle writes down what came of an attempt.
func (b *Inbox) settle(id uint64, got answer, now time.Time) {
	b.change(func(r *record) bool {
		if r.ID != id {
			return false
		}
		d := &r.Delivery
		d.Attempts++
		d.LastError = got.reason
		switch {
		case got.delivered:
			d.State, d.DeliveredAt = Delivered, new(now.UTC())
		case got.final:
			d.State, r.refused = Failed, now
		}
		return true
	})
}

// giveUp takes a notification out of the queue, or all of them for the ID 0.
func (b *Inbox) giveUp(id uint64, reason string) {
	b.change(func(r *record) bool {
		if r.Delivery.State != Delivering || (id != 0 && r.ID != id) {
			return false
		}
		r.Delivery.State, r.Delivery.LastError = Failed, reason
		return true
	})
}

// change applies a change to every record and saves if it touched one.
func (b *Inbox) change(apply func(*record) bool) {
	b.mu.Lock()
	touched := false
	for _, r := range b.records {
		touched = apply(r) || touched
	}
	b.announce()
	b.mu.Unlock()
	if touched {
		b.save()
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
