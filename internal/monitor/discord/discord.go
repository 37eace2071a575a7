// Package discord tells people: it makes a message of a group of alerts, keeps
// the last ones in an [Inbox], and delivers them to a Discord webhook.
//
// Alertmanager hands a notification over by [Notifier.Notify], which puts it
// into the inbox and so onto disk; [Notifier.Run] delivers what is there, one
// at a time, for up to a day. Each notification is retried for itself, so that
// one that Discord never takes holds up no other; those of one alert stay in
// order. Alertmanager's own way, to call again until the flush of the group
// ends, would drop an alert that fires and ends while Discord is away or asks
// to wait, and it keeps nothing over a restart.
//
// [Client] is what both this way and a user's own discord_configs post with.
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
	"time"

	"github.com/prometheus/alertmanager/alert"
	"github.com/prometheus/alertmanager/notify"
)

// ErrRefused means that Discord will not take a notification, however often it
// is sent. What it wraps says why.
var ErrRefused = errors.New("discord refused the notification")

// ErrFull means that a notification was dropped, because the inbox is full of
// undelivered ones that are more severe or newer. Alertmanager may ask again.
var ErrFull = errors.New("the inbox is full of undelivered notifications")

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
}

// Notifier tells people. [New] makes one.
type Notifier struct {
	webhook *webhook // nil without DISCORD_URL
	mention Mention
	inbox   *Inbox
	client  *Client
	log     *slog.Logger

	// queued wakes Run up.
	queued chan struct{}
}

var _ notify.Notifier = (*Notifier)(nil)

// New returns a notifier. Errors name DISCORD_URL or DISCORD_MENTION, and never
// repeat the URL. Nothing is sent or written yet.
func New(o Options) (*Notifier, error) {
	mention, err := ParseMention(o.Mention)
	if err != nil {
		return nil, err
	}
	n := &Notifier{mention: mention, inbox: o.Inbox, queued: make(chan struct{}, 1)}
	n.log = slog.New(slog.DiscardHandler)
	if o.Logger != nil {
		n.log = o.Logger.With("component", "discord")
	}
	if n.inbox == nil {
		n.inbox = NewInbox("", n.log)
	}
	if o.URL == "" {
		return n, nil
	}
	if n.webhook, err = parseWebhook(o.URL, "DISCORD_URL"); err != nil {
		return nil, err
	}
	if n.webhook.exposed() {
		return nil, errors.New("DISCORD_URL must begin with https://, so that nobody on the way reads it; http:// is for hosts nearby")
	}
	if o.Transport == nil {
		o.Transport = n.webhook.transport(o.Resolver)
	}
	n.client = NewClient(o.Transport)
	return n, nil
}

// Notify takes a notification over. It implements [notify.Notifier].
//
// Without DISCORD_URL the inbox is all there is, and Notify returns at once.
// With it, Notify waits for the first attempt, if nothing but other attempts
// comes before: a refusal is returned, so that Alertmanager counts it and does
// not count the group as notified; it asks again at every flush, and gets the same
// answer until [refusedFor] is over. After anything else the notification is in
// the queue, stays there over a restart, and is delivered by Run; then retry is
// false and the error nil, also when ctx ended first. So Alertmanager has never
// to repeat anything itself, and what Discord has confirmed is not sent again.
// The one exception is [ErrFull].
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
	n.wake()
	before := entry.Delivery.Attempts
	for {
		changed := n.inbox.changes()
		entry, ok := n.inbox.get(entry.ID)
		switch {
		case !ok:
			return false, ErrFull
		case entry.Delivery.State == Delivered, entry.Delivery.Attempts > before && entry.Delivery.State == Delivering:
			return false, nil
		case entry.Delivery.State == Failed:
			return false, fmt.Errorf("%w: %w", ErrRefused, notify.NewErrorWithReason(notify.ClientErrorReason, errors.New(entry.Delivery.LastError)))
		case n.client.pause.Left() > 0, !n.inbox.soon(entry.ID, time.Now()):
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
	now := time.Now()
	flush, ok := notify.Now(ctx)
	if !ok {
		flush = now
	}
	group, _ := notify.GroupKey(ctx)
	// An inbox that cannot be written goes on in memory, and says so itself.
	entry, known, _ = n.put(group, now, occasion{flush: flush}, alerts)
	return entry, known
}

// put puts a notification into the inbox, or finds it there.
func (n *Notifier) put(group string, now time.Time, when occasion, alerts []*alert.Alert) (entry Notification, known bool, err error) {
	state := Kept
	if n.webhook != nil {
		state = Delivering
	}
	return n.inbox.add(describe(now, n.mention, alerts), about(group, now, alerts), state, key(group, now, alerts), when)
}

// wake makes Run look into the inbox.
func (n *Notifier) wake() {
	select {
	case n.queued <- struct{}{}:
	default:
	}
}

const (
	// maxNames is how many names of alerts an entry of the inbox lists, and maxName and
	// maxText how many characters a name and the summary have. Longer ones would make
	// the file larger than one that is read again.
	maxNames = 20
	maxName  = 100
	maxText  = 1000
)

// describe makes the inbox's entry for a group of alerts.
func describe(now time.Time, mention Mention, alerts []*alert.Alert) Notification {
	firing, resolved := split(now, alerts)
	ordered := slices.Concat(firing, resolved)
	entry := Notification{
		Time:     now.UTC(),
		Status:   "firing",
		Severity: severity(ordered[0]),
		Alerts:   listed(ordered),
		Summary:  clip(summary(ordered[0]), maxText),
		Payload:  Message(now, mention, alerts...),
	}
	if len(firing) == 0 {
		entry.Status = "resolved"
	}
	return entry
}

// listed returns the names of alerts as an entry has them.
func listed(alerts []*alert.Alert) []string {
	all := names(alerts)
	all = all[:min(len(all), maxNames)]
	for i, name := range all {
		all[i] = clip(name, maxName)
	}
	return all
}

// about says which alerts a notification is about.
func about(group string, now time.Time, alerts []*alert.Alert) subject {
	hash := sha256.Sum256([]byte(group))
	s := subject{Group: hex.EncodeToString(hash[:8])}
	if len(alerts) > maxListed {
		return s
	}
	for _, a := range alerts {
		if id := a.Fingerprint().String(); a.ResolvedAt(now) {
			s.Resolved = append(s.Resolved, id)
		} else {
			s.Firing = append(s.Firing, id)
		}
	}
	return s
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
