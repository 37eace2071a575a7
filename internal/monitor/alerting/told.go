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
	// toldKey is where the log of notifications keeps the alerts of a group that a
	// receiver was told to be firing, and not yet to be over.
	toldKey = "onsale_told"
	// maxTold bounds how many are kept for a group; of more, only those of the last
	// message.
	maxTold = 1000
)

// teller is an integration that tells the end of an alert only to who heard of
// its beginning. Alertmanager itself tells the end of all alerts of a group, also
// of one that was inhibited or silenced for as long as it fired.
type teller struct {
	next     notify.Notifier
	log      notify.NotificationLog
	receiver *nflogpb.Receiver
}

// remember makes an integration of a receiver a teller. One that is never told
// the end of an alert needs no memory.
func remember(n *notify.Integration, receiver string, log notify.NotificationLog) notify.Notifier {
	if !n.SendResolved() {
		return n
	}
	return &teller{next: n, log: log, receiver: &nflogpb.Receiver{
		GroupName: receiver, Integration: n.Name(),
		Idx: uint32(n.Index()), //nolint:gosec // G115: it is the place in a list of a file
	}}
}

// Notify implements [notify.Notifier].
func (t *teller) Notify(ctx context.Context, alerts ...*alert.Alert) (retry bool, err error) {
	told, known, err := t.told(ctx)
	if err != nil {
		return true, err
	}
	now := make(map[string]bool)
	if len(told) <= maxTold {
		for _, id := range told {
			now[id] = true
		}
	}
	news, ended := make([]*alert.Alert, 0, len(alerts)), 0
	for _, a := range alerts {
		id := a.Fingerprint().String()
		switch {
		case !a.Resolved():
			now[id] = true
		case known && !slices.Contains(told, id):
			continue
		default:
			delete(now, id)
			ended++
		}
		news = append(news, a)
	}
	if ended > 0 || !onlyEnds(ctx) {
		if retry, err := t.next.Notify(ctx, news...); err != nil {
			return retry, err
		}
	}
	if store, ok := notify.NflogStore(ctx); ok {
		ids := make([]string, 0, len(now))
		for id := range now {
			ids = append(ids, id)
		}
		slices.Sort(ids)
		store.SetStr(toldKey, strings.Join(ids, " "))
	}
	return false, nil
}

// onlyEnds reports whether the only reason to tell is that alerts are over.
func onlyEnds(ctx context.Context) bool {
	reason, _ := notify.NotificationReason(ctx)
	return reason == notify.ReasonNewResolvedAlerts || reason == notify.ReasonAllAlertsResolved
}

// told returns which alerts of the group the receiver believes to be firing. It
// is not known for a message that another Alertmanager sent.
func (t *teller) told(ctx context.Context) (ids []string, known bool, err error) {
	group, _ := notify.GroupKey(ctx)
	entries, err := t.log.Query(nflog.QGroupKey(group), nflog.QReceiver(t.receiver))
	if errors.Is(err, nflog.ErrNotFound) || (err == nil && len(entries) == 0) {
		return nil, true, nil
	}
	if err != nil {
		return nil, false, err
	}
	kept, known := nflog.NewStore(entries[0]).GetStr(toldKey)
	return strings.Fields(kept), known, nil
}
