package prom_test

import (
	"fmt"
	"strings"
	"testing"
)

// TestEachChangeOfATargetIsLoggedOnce, with the reason and without secrets. It covers
// built-in targets and those of the user's own jobs.
func TestEachChangeOfATargetIsLoggedOnce(t *testing.T) {
	t.Parallel()
	a, b := newTarget(t), newTarget(t)
	o, log := options(t, a), new(logbook)
	o.Targets = []string{a.URL + "?key=SECRET-key"}
	o.Logger = log.logger(0)
	o.ConfigFile = file(t, "prometheus.yml", "global: {scrape_interval: 200ms}\nscrape_configs:\n- job_name: mine\n  params: {key: [SECRET-param]}\n  static_configs: [{targets: ['"+b.host()+"']}]\n")
	r := start(t, o)
	r.is(t, "sum(up)", "2")
	says := func(message, host string, times int) {
		t.Helper()
		eventually(t, message, func() bool { return count(log, message, host) == times })
	}
	for round := 1; round <= 2; round++ {
		a.down.Store(true)
		b.down.Store(true)
		says(`"level":"WARN","msg":"target is down"`, a.host(), round)
		says(`"level":"WARN","msg":"target is down"`, b.host(), round)
		r.is(t, "min(count_over_time((up == 0)[1m:200ms])) >= bool 5", "1") // more scrapes fail
		a.down.Store(false)
		b.down.Store(false)
		says(`"level":"INFO","msg":"target is up again"`, a.host(), round)
		says(`"level":"INFO","msg":"target is up again"`, b.host(), round)
	}
	logged := log.String()
	if lines := strings.Count(logged, "\n"); lines != 8 {
		t.Errorf("%d lines, want one for each of 8 changes: %s", lines, logged)
	}
	if !strings.Contains(logged, "503") || !strings.Contains(logged, `"job":"mine"`) || strings.Contains(logged, "SECRET") {
		t.Errorf("want the reason and the job, and no secret: %s", logged)
	}
}

// count returns the number of lines with both texts.
func count(log *logbook, message, host string) int {
	n := 0
	for line := range strings.Lines(log.String()) {
		if strings.Contains(line, message) && strings.Contains(line, host) {
			n++
		}
	}
	return n
}

// TestManyTargetsThatAreDown: the log does not report all of them at once.
func TestManyTargetsThatAreDown(t *testing.T) {
	t.Parallel()
	o, log := options(t, newTarget(t)), new(logbook)
	o.Logger = log.logger(0)
	var targets []string
	for i := range 100 {
		targets = append(targets, fmt.Sprintf("'127.0.0.1:1%02d'", i))
	}
	o.ConfigFile = file(t, "prometheus.yml", "global: {scrape_interval: 200ms}\nscrape_configs: [{job_name: mine, static_configs: [{targets: ["+strings.Join(targets, ", ")+"]}]}]\n")
	r := start(t, o)
	r.is(t, `count(up{job="mine"} == 0)`, "100")
	eventually(t, "20 lines are logged", func() bool { return count(log, "target is down", "mine") >= 20 })
	if got := count(log, "target is down", "mine"); got > 25 {
		t.Errorf("%d lines at once: %s", got, log)
	}
}
