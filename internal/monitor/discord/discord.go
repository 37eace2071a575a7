// Package discord notifies people. It turns a group of alerts into a message, keeps
// the last messages in an [Inbox], and delivers them to a Discord webhook.
//
// Alertmanager calls [Notifier.Notify], which stores the notification in the inbox,
// on disk. [Notifier.Run] delivers the stored notifications one at a time, for up to a
// day each. Each one has its own retries, so one that Discord never accepts does not
// block the others. Notifications about the same alert stay in order.
//
// Alertmanager's own retries end with the flush of the group and do not survive a
// restart. They would drop an alert that fires and resolves while Discord is
// unreachable or rate limits Onsale.
//
// The notifier and a user's own discord_configs both post with [Client].
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

// ErrRefused means that Discord rejects a notification and a retry would not help. The
// wrapped error has the reason.
var ErrRefused = errors.New("discord rejected the notification")

// ErrFull means that a notification was dropped because the inbox is full of
// undelivered ones that are more severe or newer. Alertmanager may retry.
var ErrFull = errors.New("the inbox is full of undelivered notifications")

// Options say where notifications go.
type Options struct {
	// URL is the webhook, from DISCORD_URL. If it is empty, notifications go to the
	// inbox only.
	URL Secret
	// Mention is what critical messages mention, from DISCORD_MENTION.
	Mention string
	// Inbox stores the notifications. nil means an inbox in memory.
	Inbox *Inbox
	// Transport sends the requests. nil means the default transport.
	Transport http.RoundTripper
	// Resolver looks up the host of a webhook without TLS. nil means the system's.
	Resolver *net.Resolver
	Logger   *slog.Logger
}

// Notifier delivers notifications. Create it with [New].
type Notifier struct {
	webhook *webhook // nil without DISCORD_URL
	mention Mention
	inbox   *Inbox
	client  *Client
	log     *slog.Logger

	// queued wakes Run.
	queued chan struct{}
}

var _ notify.Notifier = (*Notifier)(nil)

// New returns a notifier. It sends and writes nothing. Errors name DISCORD_URL or
// DISCORD_MENTION and never contain the URL.
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
		return nil, errors.New("DISCORD_URL must begin with https://, because http:// would expose the webhook; http:// is allowed for loopback and private addresses only")
	}
	if o.Transport == nil {
		o.Transport = n.webhook.transport(o.Resolver)
	}
	n.client = NewClient(o.Transport)
	return n, nil
}

// Notify stores a notification for delivery. It implements [notify.Notifier].
//
// Without DISCORD_URL, Notify stores the notification in the inbox and returns.
//
// With DISCORD_URL, Notify waits for the first attempt, unless a back-off or a rate
// limit delays it. If Discord rejects the notification, Notify returns [ErrRefused]:
// Alertmanager counts the failure and retries at each flush of the group. It gets the
// same error for the next 10 minutes. In all other cases, even if ctx ends first, Notify
// returns nil and Run delivers the notification, also after a restart. Alertmanager
// does not need to retry, and a delivered notification is not sent again. The only
// other error is [ErrFull].
func (n *Notifier) Notify(ctx context.Context, alerts ...*alert.Alert) (retry bool, err error) {
	if len(alerts) == 0 {
		return false, nil
	}
	entry, known := n.take(ctx, alerts)
	if !known {
		n.logNew(entry)
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

// take stores a notification from Alertmanager, or finds it in the inbox.
func (n *Notifier) take(ctx context.Context, alerts []*alert.Alert) (entry Notification, known bool) {
	now := time.Now()
	flush, ok := notify.Now(ctx)
	if !ok {
		flush = now
	}
	group, _ := notify.GroupKey(ctx)
	// If the file cannot be written, the inbox logs the error and continues in memory.
	entry, known, _ = n.put(group, now, occasion{flush: flush}, alerts)
	return entry, known
}

// put stores a notification in the inbox, or finds it there.
func (n *Notifier) put(group string, now time.Time, when occasion, alerts []*alert.Alert) (entry Notification, known bool, err error) {
	state := Kept
	if n.webhook != nil {
		state = Delivering
	}
	return n.inbox.add(describe(now, n.mention, alerts), about(group, now, alerts), state, key(group, now, alerts), when)
}

// wake makes Run check the inbox.
func (n *Notifier) wake() {
	select {
	case n.queued <- struct{}{}:
	default:
	}
}

const (
	// maxNames limits the alert names in an inbox entry. maxName and maxText limit the
	// length of a name and of the summary, in characters. They keep the file below
	// maxFile.
	maxNames = 20
	maxName  = 100
	maxText  = 1000
)

// describe returns the inbox entry for a group of alerts.
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

// listed returns the alert names for an inbox entry, limited in number and length.
func listed(alerts []*alert.Alert) []string {
	all := names(alerts)
	all = all[:min(len(all), maxNames)]
	for i, name := range all {
		all[i] = clip(name, maxName)
	}
	return all
}

// about returns the subject of a notification: the alerts that it is about.
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

// key returns the identity of a notification: a hash of the group and of each alert
// with its state and start time. Annotations are left out, because the numbers in them
// change while a message waits.
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

// logNew logs a new notification in one line. Without DISCORD_URL the line includes the
// whole message.
func (n *Notifier) logNew(entry Notification) {
	attrs := []any{
		"id", strconv.FormatUint(entry.ID, 10), "status", entry.Status, "severity", entry.Severity,
		"alerts", entry.Alerts, "summary", entry.Summary,
	}
	if payload, err := json.Marshal(entry.Payload); n.webhook == nil && err == nil {
		attrs = append(attrs, "message", string(payload))
	}
	n.log.Info("notification", attrs...)
}
