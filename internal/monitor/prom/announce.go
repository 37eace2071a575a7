package prom

import (
	"strings"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
)

// announces implements [Source].Announces. Depending on the format of the response, the
// name of a metric family includes the suffix or not.
func (a *parts) announces(job, instance, metric string) bool {
	families := []string{metric}
	for _, suffix := range []string{"_total", "_bucket", "_count", "_sum"} {
		if family, found := strings.CutSuffix(metric, suffix); found {
			families = append(families, family)
		}
	}
	for _, target := range a.scrape.TargetsActive()[job] {
		if target.Labels(labels.NewBuilder(labels.EmptyLabels())).Get(model.InstanceLabel) != instance {
			continue
		}
		for _, family := range families {
			known, found := target.GetMetadata(family)
			if found && (known.Type == model.MetricTypeCounter || known.Type == model.MetricTypeHistogram) {
				return true
			}
		}
	}
	return false
}
