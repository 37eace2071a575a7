package prom

import (
	"context"
	"maps"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/rules"
	"github.com/prometheus/prometheus/util/strutil"
)

// notify passes the alerts of a rule to send. There is no HTTP between the rules and
// the Alertmanager.
func notify(externalURL string, external labels.Labels, send func(context.Context, []*model.Alert)) rules.NotifyFunc {
	return func(ctx context.Context, expr string, alerts ...*rules.Alert) {
		if len(alerts) == 0 {
			return
		}
		handed := make([]*model.Alert, len(alerts))
		for i, a := range alerts {
			ends := a.ResolvedAt
			if ends.IsZero() {
				ends = a.ValidUntil
			}
			// External labels identify the server. The alert's own labels take precedence.
			all := labelSet(external)
			maps.Copy(all, labelSet(a.Labels))
			handed[i] = &model.Alert{
				Labels:       all,
				Annotations:  labelSet(a.Annotations),
				StartsAt:     a.FiredAt,
				EndsAt:       ends,
				GeneratorURL: externalURL + strutil.TableLinkForExpression(expr),
			}
		}
		send(ctx, handed)
	}
}

func labelSet(l labels.Labels) model.LabelSet {
	set := make(model.LabelSet, l.Len())
	l.Range(func(l labels.Label) { set[model.LabelName(l.Name)] = model.LabelValue(l.Value) })
	return set
}
