// Package discord tells people: it makes a message of a group of alerts, keeps
// the last ones in an [Inbox], and delivers them to a Discord webhook.
//
// Alertmanager hands a notification over by [Notifier.Notify], which puts it
// into the inbox and so onto disk; [Notifier.Run] delivers what is there, in
// order, one at a time, for as long as it takes. Alertmanager's own way, to
// call again until the flush of the group ends, would drop an alert that fires
// and ends while Discord is away or asks to wait, and it keeps nothing over a
// restart.
package discord

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/prometheus/alertmanager/alert"
	"github.com/prometheus/alertmanager/notify"
)

// ErrRefused means that Discord will not take a notification, however often it
// is sent. What it wraps says why.
var ErrRefused = errors.New("discord refused the notification")

// Options say where notifications go.
type Options struct {
	// URL is the webhook, that is DISCORD_URL; empty, the inbox alone is told.
	URL Secret
	// Mention is whom critical messages mention, that is DISCORD_MENTION.
	Mention string
	// Inbox keeps the notifications; nil keeps them in memory.
	Inbox *Inbox
	// Transport sends; nil is the usual one, with the proxy of the environment.
	Transport http.RoundTripper
	// Resolver looks up the host of a webhook without TLS; nil is the system's.
	Resolver *net.Resolver
	Logger   *slog.Logger
	// Now is the clock; nil is that of the machine.
	Now func() time.Time
}

// Notifier tells people. [New] makes one.
type Notifier struct {
	webhook *webhook // nil without DISCORD_URL
	mention Mention
	inbox   *Inbox
	client  *http.Client
	log     *slog.Logger
	now     func() time.Time

	// queued wakes Run up.
	queued chan struct{}
	// paused is until when nothing is sent.
	paused atomic.Pointer[time.Time]
}

var _ notify.Notifier = (*Notifier)(nil)

// New returns a notifier. Errors name DISCORD_URL or DISCORD_MENTION, and never
// repeat the URL. Nothing is sent or written yet.
func New(o Options) (*Notifier, error) {
	mention, err := ParseMention(o.Mention)
	if err != nil {
		return nil, err
	}
	n := &Notifier{mention: mention, inbox: o.Inbox, now: o.Now, queued: make(chan struct{}, 1)}
	n.log = slog.New(slog.DiscardHandler)
	if o.Logger != nil {
		n.log = o.Logger.With("component", "discord")
	}
	if n.inbox == nil {
		n.inbox = NewInbox("", n.log)
	}
	if n.now == nil {
		n.now = time.Now
	}
	if o.URL == "" {
		return n, nil
	}
	if n.webhook, err = parseWebhook(o.URL); err != nil {
		return nil, err
	}
	if o.Transport == nil {
		o.Transport = n.webhook.transport(o.Resolver)
	}
	n.client = newClient(o.Transport)
	return n, nil
}

// Notify takes a notification over. It implements [notify.Notifier].
//
// Without DISCORD_URL the inbox is all there is, and Notify returns at once.
// With it, Notify waits for the first attempt: a refusal is returned, so that
// Alertmanager counts it and does not take the group for told; it asks again at
// every flush, and gets the same answer until [refusedFor] is over. After
// anything else the notification is in the queue, stays there over a restart,
// and is delivered by Run; then retry is false and the error nil, also when
// ctx ended first. So Alertmanager has never to repeat anything itself, and
// what Discord has confirmed is not sent again.
func (n *Notifier) Notify(ctx context.Context, alerts ...*alert.Alert) (retry bool, err error) {
	if len(alerts) == 0 {
		return false, nil
	}
	entry, known := n.take(ctx, alerts)
	if !known {
		n.tell(entry)
	}
	if n.webhook == nil {
		return false, nil
	}
	select {
	case n.queued <- struct{}{}:
	default:
	}
	before := entry.Delivery.Attempts
	for {
		changed := n.inbox.changes()
		entry, ok := n.inbox.get(entry.ID)
		switch {
		case !ok, entry.Delivery.State == Delivered, entry.Delivery.Attempts > before && entry.Delivery.State == Delivering:
			return false, nil
		case entry.Delivery.State == Failed:
			return false, fmt.Errorf("%w: %w", ErrRefused, notify.NewErrorWithReason(notify.ClientErrorReason, errors.New(entry.Delivery.LastError)))
		case n.pause() > 0:
			return false, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return false, nil
		}
	}
}

// take puts a notification into the inbox, or finds it there.
func (n *Notifier) take(ctx context.Context, alerts []*alert.Alert) (entry Notification, known bool) {
	now := n.now()
	flush, ok := notify.Now(ctx)
	if !ok {
		flush = now
	}
	group, _ := notify.GroupKey(ctx)
	state := Kept
	if n.webhook != nil {
		state = Delivering
	}
	return n.inbox.add(describe(now, n.mention, alerts), state, key(group, now, alerts), flush)
}

// describe makes the inbox's entry for a group of alerts.
func describe(now time.Time, mention Mention, alerts []*alert.Alert) Notification {
	firing, resolved := split(now, alerts)
	ordered := slices.Concat(firing, resolved)
	entry := Notification{
		Time:     now.UTC(),
		Status:   "firing",
		Severity: severity(ordered[0]),
		Alerts:   names(ordered),
		Summary:  summary(ordered[0]),
		Payload:  Message(now, mention, alerts...),
	}
	if len(firing) == 0 {
		entry.Status = "resolved"
	}
	return entry
}

// key tells notifications apart: by the group, and by which alerts are in
// which state since when. Annotations do not count, because the figures in
// them change while a message waits.
func key(group string, now time.Time, alerts []*alert.Alert) string {
	parts := make([]string, 0, len(alerts))
	for _, a := range alerts {
		parts = append(parts, fmt.Sprintf("%s %s %d", a.Fingerprint(), a.StatusAt(now), a.StartsAt.UnixNano()))
	}
	slices.Sort(parts)
	hash := sha256.New()
	fmt.Fprintf(hash, "%q %q", group, parts)
	return hex.EncodeToString(hash.Sum(nil)[:16])
}

// tell logs a new notification in one line, with the message itself where
// Discord does not get it.
func (n *Notifier) tell(entry Notification) {
	attrs := []any{
		"id", strconv.FormatUint(entry.ID, 10), "status", entry.Status, "severity", entry.Severity,
		"alerts", entry.Alerts, "summary", entry.Summary,
	}
	if payload, err := json.Marshal(entry.Payload); n.webhook == nil && err == nil {
		attrs = append(attrs, "message", string(payload))
	}
	n.log.Info("notification", attrs...)
}
