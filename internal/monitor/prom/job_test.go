package prom_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"onsale/internal/monitor/prom"
)

// TestTargetsThatDifferInTheirQuery have different instance labels without a query.
func TestTargetsThatDifferInTheirQuery(t *testing.T) {
	t.Parallel()
	echo := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		_, _ = io.WriteString(w, "asked{query=\""+r.URL.RequestURI()+"\"} 1\n")
	}))
	t.Cleanup(echo.Close)
	host := strings.TrimPrefix(echo.URL, "http://")
	o := options(t, newTarget(t))
	o.Targets = []string{echo.URL, echo.URL + "/probe?target=a", echo.URL + "/probe?target=b", echo.URL + "/probe", echo.URL + "/probe/"}
	// A job of the file may have the name that the second built-in job would get.
	o.ConfigFile = file(t, "prometheus.yml", "scrape_configs: [{job_name: 'ticket_system#2'}]\n")
	r := start(t, o)
	for instance, query := range map[string]string{
		host: "/metrics", host + "/probe": "/probe?target=a", host + "/probe#2": "/probe?target=b", host + "/probe#3": "/probe", host + "/probe/": "/probe/",
	} {
		r.is(t, `asked{job="ticket_system",instance="`+instance+`",query="`+query+`"}`, "1")
	}
	r.is(t, `count(up{job="ticket_system"})`, "5")
}

// TestJobOfTheFile: without targets, the rules evaluate a job of the file and it is
// scraped at their interval.
func TestJobOfTheFile(t *testing.T) {
	t.Parallel()
	a := newTarget(t)
	a.heat.Set(40)
	o, sent, log := options(t, a), new(outbox), new(logbook)
	o.Targets, o.Job = nil, `the "shop"`
	o.Send, o.Rules, o.Logger = sent.send, []byte(hotRule), log.logger(0)
	o.ConfigFile = file(t, "prometheus.yml", `
scrape_configs:
  - job_name: other
    static_configs: [{targets: ['h:1']}]
  - job_name: 'the "shop"'
    params: {module: [SECRET]}
    static_configs: [{targets: ['`+a.host()+`']}]
    file_sd_configs: [{files: [more.json]}]
`)
	if err := os.WriteFile(filepath.Join(filepath.Dir(o.ConfigFile), "more.json"), []byte(`[{"targets": ["`+a.host()+`"], "labels": {"zone": "b"}}]`), 0o600); err != nil {
		t.Fatal(err)
	}
	r := start(t, o)
	r.is(t, `heat_celsius{job="the \"shop\"",zone=""}`, "40")
	r.is(t, `heat_celsius{job="the \"shop\"",zone="b"}`, "40")
	eventually(t, "the alert", func() bool { return len(sent.all()) > 0 })
	if got := r.Watched(); !slices.Equal(got, []string{a.URL + "/metrics"}) {
		t.Errorf("watched: %q", got)
	}
	if lines := log.String(); !strings.Contains(lines, `is scraped every 200ms instead of every 1m`) || strings.Contains(lines, "SECRET") {
		t.Errorf("logged %s", lines)
	}
}

func TestJobThatIsNotInTheFile(t *testing.T) {
	t.Parallel()
	many := "scrape_configs:\n" + strings.Repeat("- job_name: a#\n", 30)
	for i := range 30 {
		many = strings.Replace(many, "#", "-"+string(rune('a'+i%26))+string(rune('a'+i/26)), 1)
	}
	for name, c := range map[string]struct {
		config string
		want   []string
	}{
		"another": {"scrape_configs: [{job_name: shop}, {job_name: 'the node'}]\n", []string{`--job: "ticket_system" is not a scrape job of `, `which has "shop", "the node"`}},
		"case":    {"scrape_configs: [{job_name: Ticket_System}]\n", []string{`"Ticket_System"`}},
		"none":    {"global: {scrape_interval: 5s}\n", []string{"has no scrape job", "--target"}},
		"many":    {many, []string{`"a-aa"`, "and 10 more"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := options(t, newTarget(t))
			o.Targets, o.ConfigFile = nil, file(t, "prometheus.yml", c.config)
			refused(t, o, prom.ErrConfig, c.want...)
		})
	}
	o := options(t, newTarget(t))
	o.Targets, o.ConfigFile = nil, file(t, "prometheus.yml", "scrape_configs: [{job_name: ticket_system}]\n")
	o.Access.Username, o.Access.PasswordFile = "u", file(t, "password", "p")
	refused(t, o, prom.ErrOptions, "need --target")
}

// TestJobWithAnotherLabel: the rules select series by their label job. The log warns if
// the file changes that label.
func TestJobWithAnotherLabel(t *testing.T) {
	t.Parallel()
	a := newTarget(t)
	list := file(t, "list.json", `[{"targets": ["`+a.host()+`"], "labels": {"job": "renamed"}}]`)
	static := "static_configs: [{targets: ['" + a.host() + "']}]"
	for name, c := range map[string]struct{ job, want string }{
		"relabelled":        {static + "\n  relabel_configs: [{target_label: job, replacement: renamed}]", `"label":"renamed"`},
		"labelled":          {"static_configs: [{targets: ['" + a.host() + "'], labels: {job: renamed}}]", `"label":"renamed"`},
		"labelled in file":  {"file_sd_configs: [{files: ['" + list + "']}]", `"label":"renamed"`},
		"honoured":          {static + "\n  honor_labels: true", "prometheus.yml:3: honor_labels"},
		"metric relabelled": {static + "\n  metric_relabel_configs: [{target_label: job, replacement: renamed}]", "prometheus.yml:3: metric_relabel_configs"},
		"as it should be":   {static + "\n  relabel_configs: [{target_label: shop, replacement: renamed}]", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o, log := options(t, a), new(logbook)
			o.Targets, o.Logger = nil, log.logger(0)
			o.ConfigFile = file(t, "prometheus.yml", "global: {scrape_interval: 200ms}\nscrape_configs:\n- job_name: ticket_system\n  "+c.job+"\n")
			r := start(t, o)
			r.is(t, "up", "1")
			eventually(t, "the log contains "+c.want, func() bool { return strings.Contains(log.String(), c.want) })
			if lines := strings.Count(log.String(), "\n"); c.want != "" && lines != 1 || c.want == "" && lines != 0 {
				t.Errorf("logged %s", log)
			}
		})
	}
}
