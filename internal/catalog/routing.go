package catalog

import "fmt"

// routing sends everything to one receiver. A fast burn inhibits the slow burn of
// the same objective, which would add nothing.
const routing = `route:
  receiver: %s
  group_by: [alertname]
  group_wait: %s
  group_interval: %s
  repeat_interval: %s
inhibit_rules:
  - source_matchers: ['alertname=~".*BurnFast"']
    target_matchers: ['alertname=~".*BurnSlow"']
    equal: [job, slo]
`

// Routing returns the sections route and inhibit_rules of an Alertmanager
// configuration, as YAML. The receiver's name must not need quotes.
func Routing(receiver string, g Grouping) string {
	return fmt.Sprintf(routing, receiver, span(g.Wait), span(g.Interval), span(g.Repeat))
}
