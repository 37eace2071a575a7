package prom_test

import (
	"context"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"

	"onsale/internal/monitor/prom"
)

const hotRule = `
groups:
  - name: heat
    rules:
      - record: heat:celsius:max
        expr: max(heat_celsius)
      - alert: Hot
        expr: heat:celsius:max > 30
        for: 600ms
        labels: {severity: critical}
        annotations: {summary: "It is {{ $value }} degrees, see {{ externalURL }}."}
`

func TestRuleFiresAndResolves(t *testing.T) {
	t.Parallel()
	a := newTarget(t)
	o, sent := options(t, a), new(outbox)
	o.Rules, o.Send, o.ResendDelay = []byte(hotRule), sent.send, time.Second
	r := start(t, o)
	r.is(t, "heat:celsius:max", "0")
	if alerts := sent.all(); len(alerts) != 0 {
		t.Fatalf("alerts were sent before the rule fired: %v", alerts)
	}

	a.heat.Set(40)
	r.is(t, `ALERTS{alertname="Hot",alertstate="pending"}`, "1")
	eventually(t, "the alert", func() bool { return len(sent.all()) > 0 })
	fired := sent.all()[0]
	want := model.LabelSet{"alertname": "Hot", "severity": "critical"}
	if !fired.Labels.Equal(want) || fired.Annotations["summary"] != "It is 40 degrees, see http://127.0.0.1:8000." {
		t.Errorf("fired: %v %v", fired.Labels, fired.Annotations)
	}
	if !fired.EndsAt.After(time.Now()) || fired.StartsAt.IsZero() || fired.EndsAt.Sub(fired.StartsAt) > 10*time.Second {
		t.Errorf("from %s to %s", fired.StartsAt, fired.EndsAt)
	}
	if link, err := url.Parse(fired.GeneratorURL); err != nil || link.Host != "127.0.0.1:8000" || !strings.Contains(link.Query().Get("g0.expr"), "30") {
		t.Errorf("link: %s %v", fired.GeneratorURL, err)
	}
	if link, _ := url.Parse(fired.GeneratorURL); !slices.Contains(r.Expressions(), link.Query().Get("g0.expr")) {
		t.Errorf("the link has the expression %s, which is not in %q", link.Query().Get("g0.expr"), r.Expressions())
	}
	eventually(t, "the alert is sent again", func() bool { return len(sent.all()) > 1 })

	a.heat.Set(20)
	eventually(t, "the alert resolves", func() bool {
		all := sent.all()
		last := all[len(all)-1]
		return last.Labels.Equal(want) && !last.EndsAt.After(time.Now()) && last.StartsAt.Equal(fired.StartsAt)
	})
}

// TestRestartKeepsSamplesAndPendingAlerts stops the monitoring while an alert is pending.
// The alert's "for" is longer than the test may last, so it can fire only if it continues
// where it was.
func TestRestartKeepsSamplesAndPendingAlerts(t *testing.T) {
	t.Parallel()
	a := newTarget(t)
	o, sent := options(t, a), new(outbox)
	o.Send = sent.send
	o.Rules = []byte(strings.ReplaceAll(hotRule, "600ms", "8s"))
	a.heat.Set(40)
	r := start(t, o)
	r.is(t, `ALERTS{alertname="Hot",alertstate="pending"}`, "1")
	var active string
	for _, v := range r.query(t, `ALERTS_FOR_STATE`) {
		active = v
	}
	r.is(t, `count_over_time(heat:celsius:max[1h]) > bool 20`, "1")
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	if alerts := sent.all(); len(alerts) != 0 {
		t.Fatalf("fired too soon: %v", alerts)
	}

	again := time.Now()
	r = start(t, o)
	if v := r.query(t, `count_over_time(heat:celsius:max[1h]) > bool 20`); len(v) != 1 || v["{}"] != "1" {
		t.Errorf("samples are gone: %v", v)
	}
	eventually(t, "the alert", func() bool { return len(sent.all()) > 0 })
	if waited := time.Since(again); waited >= 8*time.Second {
		t.Errorf("the alert fired %s after the restart, so its wait started again (active since %s)", waited, active)
	}
}

func TestSendIsCancelledAtTheEnd(t *testing.T) {
	t.Parallel()
	a := newTarget(t)
	a.heat.Set(40)
	o := options(t, a)
	o.Rules = []byte(hotRule)
	waiting := make(chan struct{})
	o.Send = func(ctx context.Context, _ []*model.Alert) {
		select {
		case waiting <- struct{}{}:
		case <-ctx.Done():
		}
		<-ctx.Done()
	}
	r := start(t, o)
	<-waiting
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
}

func TestRuleFiles(t *testing.T) {
	t.Parallel()
	a := newTarget(t)
	o := options(t, a)
	o.Rules = []byte(hotRule)
	o.RuleFiles = []string{file(t, "more.yml", "groups: [{name: more, rules: [{record: more, expr: vector(5)}]}]")}
	r := start(t, o)
	r.is(t, "more", "5")
	r.is(t, "heat:celsius:max", "0")
}

func TestRejectsWrongRuleFiles(t *testing.T) {
	t.Parallel()
	const broken = "groups:\n- name: a\n  rules:\n  - alert: B\n    expr: sum(\n"
	for name, c := range map[string]struct {
		change func(t *testing.T, o *prom.Options)
		want   []string
	}{
		"built-in": {func(_ *testing.T, o *prom.Options) { o.Rules = []byte(broken) }, []string{"built-in rules:5:", "could not parse expression"}},
		"expression": {
			func(t *testing.T, o *prom.Options) {
				t.Helper()
				o.RuleFiles = []string{file(t, "r.yml", broken)}
			},
			[]string{"r.yml:5:", `group "a"`, "could not parse expression"},
		},
		"field": {
			func(t *testing.T, o *prom.Options) {
				t.Helper()
				o.RuleFiles = []string{file(t, "r.yml", "groups:\n- name: a\n  rulez: []\n")}
			},
			[]string{"r.yml:3: ", "rulez"},
		},
		"template": {
			func(t *testing.T, o *prom.Options) {
				t.Helper()
				o.RuleFiles = []string{file(t, "r.yml", "groups:\n- name: a\n  rules:\n  - alert: B\n    expr: up\n    annotations: {summary: '{{ $valu }}'}\n")}
			},
			[]string{"r.yml:", "undefined variable"},
		},
		"not there": {func(_ *testing.T, o *prom.Options) { o.RuleFiles = []string{"nowhere.yml"} }, []string{"nowhere.yml", "no such file"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := options(t, newTarget(t))
			c.change(t, &o)
			refused(t, o, prom.ErrRules, c.want...)
		})
	}
}
