package alerting

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/prometheus/alertmanager/alert"
	"github.com/prometheus/alertmanager/nflog"
	"github.com/prometheus/alertmanager/nflog/nflogpb"
	"github.com/prometheus/alertmanager/notify"
)

const (
	// sentKey is the key in the notification log under which the open alerts of a
	// group are stored: those that were sent as firing and not yet as resolved.
	sentKey = "onsale_told"
	// maxSent limits how many are kept for a group. Above it, only the alerts of the
	// last message are kept.
	maxSent = 1000
)

// resolvedFilter wraps an integration. It drops resolved alerts that the receiver
// never saw firing. Alertmanager itself sends all resolved alerts of a group, even
// one that was inhibited or silenced the whole time.
type resolvedFilter struct {
	next     notify.Notifier
	log      notify.NotificationLog
	receiver *nflogpb.Receiver
}

// remember wraps an integration in a resolvedFilter, unless the integration never
// sends resolved alerts.
func remember(n *notify.Integration, receiver string, log notify.NotificationLog) notify.Notifier {
	if !n.SendResolved() {
		return n
	}
	return &resolvedFilter{next: n, log: log, receiver: &nflogpb.Receiver{
		GroupName: receiver, Integration: n.Name(),
		Idx: uint32(n.Index()), //nolint:gosec // G115: it is an index into a list in a file
	}}
}

// Notify implements [notify.Notifier].
func (f *resolvedFilter) Notify(ctx context.Context, alerts ...*alert.Alert) (retry bool, err error) {
	sent, known, err := f.sent(ctx)
	if err != nil {
		return true, err
	}
	now := make(map[string]bool)
	if len(sent) <= maxSent {
		for _, id := range sent {
			now[id] = true
		}
	}
	news, ended := make([]*alert.Alert, 0, len(alerts)), 0
	for _, a := range alerts {
		id := a.Fingerprint().String()
		switch {
		case !a.Resolved():
			now[id] = true
		case known && !slices.Contains(sent, id):
			continue
		default:
			delete(now, id)
			ended++
		}
		news = append(news, a)
	}
	if ended > 0 || !onlyEnds(ctx) {
		if retry, err := f.next.Notify(ctx, news...); err != nil {
			return retry, err
		}
	}
	if store, ok := notify.NflogStore(ctx); ok {
		ids := make([]string, 0, len(now))
		for id := range now {
			ids = append(ids, id)
		}
		slices.Sort(ids)
		store.SetStr(sentKey, strings.Join(ids, " "))
	}
	return false, nil
}

// onlyEnds reports whether the only reason for the notification is that alerts have
// resolved.
func onlyEnds(ctx context.Context) bool {
	reason, _ := notify.NotificationReason(ctx)
	return reason == notify.ReasonNewResolvedAlerts || reason == notify.ReasonAllAlertsResolved
}

// sent returns the alerts of the group that the receiver last saw firing. known is
// false if an Alertmanager without this filter wrote the log entry.
func (f *resolvedFilter) sent(ctx context.Context) (ids []string, known bool, err error) {
	group, _ := notify.GroupKey(ctx)
	entries, err := f.log.Query(nflog.QGroupKey(group), nflog.QReceiver(f.receiver))
	if errors.Is(err, nflog.ErrNotFound) || (err == nil && len(entries) == 0) {
		return nil, true, nil
	}
	if err != nil {
		return nil, false, err
	}
	kept, known := nflog.NewStore(entries[0]).GetStr(sentKey)
	return strings.Fields(kept), known, nil
}
