package prom_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"onsale/internal/monitor/prom"
)

// refused checks that New returns an error of the kind, in one line with all wanted
// texts, and that it does not create the directory.
func refused(t *testing.T, o prom.Options, kind error, want ...string) {
	t.Helper()
	_, err := prom.New(o)
	if !errors.Is(err, kind) {
		t.Fatalf("got %v, want %v", err, kind)
	}
	if strings.ContainsAny(err.Error(), "\r\n") {
		t.Errorf("more than one line: %q", err)
	}
	for _, w := range want {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%q has no %q", err, w)
		}
	}
	if _, err := os.Stat(o.Dir); !os.IsNotExist(err) {
		t.Errorf("the directory was created: %v", err)
	}
}

func TestRejectsUnsupportedSections(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		config string
		want   []string
	}{
		"remote_write":  {"global: {}\nremote_write:\n- url: http://x.example\n", []string{":2: remote_write is not supported"}},
		"remote_read":   {"remote_read:\n- url: http://x.example\n", []string{":1: remote_read is not supported"}},
		"alerting":      {"# one\n\nalerting:\n  alertmanagers:\n  - static_configs:\n    - targets: [x:9093]\n", []string{":3: alerting is not supported", "built-in Alertmanager"}},
		"relabel":       {"alerting:\n  alert_relabel_configs:\n  - {action: labeldrop, regex: x}\n", []string{":1: alerting is not supported"}},
		"otlp":          {"otlp:\n  promote_resource_attributes: [a]\n", []string{":1: otlp is not supported"}},
		"tracing":       {"tracing:\n  endpoint: x:4317\n", []string{":1: tracing is not supported"}},
		"runtime":       {"runtime:\n  gogc: 50\n", []string{":1: runtime is not supported"}},
		"retention":     {"storage:\n  tsdb:\n    retention:\n      time: 1d\n", []string{":3: storage.tsdb.retention is not supported"}},
		"chunks":        {"storage: {tsdb: {chunk_encoding: {floats: xor2}}}\n", []string{":1: storage.tsdb.chunk_encoding"}},
		"stale":         {"storage:\n  tsdb:\n    stale_series_compaction_threshold: 0.5\n", []string{":3: storage.tsdb.stale_series"}},
		"query log":     {"global:\n  query_log_file: q.log\n", []string{":2: global.query_log_file"}},
		"scrape log":    {"global:\n  scrape_failure_log_file: q.log\n", []string{":2: global.scrape_failure_log_file"}},
		"consul":        {"scrape_configs:\n- job_name: a\n  consul_sd_configs:\n  - server: x:8500\n", []string{":3: scrape_configs.consul_sd_configs is not supported", "static_configs"}},
		"kubernetes":    {"scrape_configs:\n- job_name: a\n- job_name: b\n  kubernetes_sd_configs: [{role: pod}]\n", []string{":4: scrape_configs.kubernetes_sd_configs"}},
		"merged":        {"scrape_configs:\n- job_name: a\n  <<:\n    dns_sd_configs: [{names: [x]}]\n", []string{":4: scrape_configs.dns_sd_configs"}},
		"aliased":       {"rule_files: &a [x.yml]\nremote_write: *a\n", []string{":2: remote_write"}},
		"unknown":       {"global:\n  scrape_intervall: 1s\n", []string{":2: field scrape_intervall not found"}},
		"unknown two":   {"globl: {}\nscrape: {}\n", []string{":1: field globl", "line 2: field scrape"}},
		"no YAML":       {"global: {\n", []string{"prometheus.yml:"}},
		"duration":      {"global:\n  scrape_interval: fast\n", []string{"prometheus.yml:1: global: ", "fast"}},
		"timeout":       {"scrape_configs:\n- job_name: a\n\n- job_name: b\n  scrape_interval: 1s\n  scrape_timeout: 2s\n", []string{":4: scrape_configs: scrape timeout greater", `"b"`}},
		"global":        {"scrape_configs:\n- job_name: a\n  scrape_timeout: 20s\nglobal:\n  scrape_interval: 10s\n", []string{":2: scrape_configs: scrape timeout greater"}},
		"twice":         {"scrape_configs:\n- job_name: a\n- job_name: a\n", []string{":3: scrape_configs: found multiple", `"a"`}},
		"no name":       {"scrape_configs:\n- metrics_path: /x\n", []string{":2: scrape_configs: job_name is empty"}},
		"rule files":    {"rule_files: [x.yml]\n\nscrape_config_files: ['a*/b']\n", []string{":3: scrape_config_files: invalid"}},
		"key file":      {"scrape_configs:\n- job_name: a\n- job_name: b\n  tls_config: {ca_file: nowhere.pem}\n", []string{":3: scrape_configs: job \"b\"", "nowhere.pem"}},
		"itself":        {"a: &x [*x]\n", []string{"prometheus.yml:"}},
		"laughs":        {"a: &a [1,1,1,1,1,1,1,1,1]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e]\ng: &g [*f,*f,*f,*f,*f,*f,*f,*f,*f]\n", []string{"excessive aliasing"}},
		"external":      {"global:\n  external_labels: {'': x}\n", []string{"prometheus.yml:1: global: "}},
		"scrape config": {"scrape_config_files: [jobs-*.yml]\n", []string{"jobs-a.yml:3: scrape_configs.http_sd_configs is not supported"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := options(t, newTarget(t))
			o.ConfigFile = file(t, "prometheus.yml", c.config)
			jobs := filepath.Join(filepath.Dir(o.ConfigFile), "jobs-a.yml")
			if err := os.WriteFile(jobs, []byte("scrape_configs:\n- job_name: z\n  http_sd_configs: [{url: http://x}]\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			refused(t, o, prom.ErrConfig, append(c.want, "prometheus configuration")...)
		})
	}
}

func TestRejectsWrongOptions(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(o *prom.Options)
		want   string
	}{
		"no targets":  {func(o *prom.Options) { o.Targets = nil }, "nothing to scrape"},
		"no job":      {func(o *prom.Options) { o.Job = "" }, "scrape job"},
		"no scheme":   {func(o *prom.Options) { o.Targets = []string{"localhost:8000"} }, "http://HOST:PORT"},
		"password":    {func(o *prom.Options) { o.Targets = []string{"http://u:hunter2@h:1"} }, "into a file"},
		"query":       {func(o *prom.Options) { o.Targets = []string{"http://h:1/m?x=%zz"} }, "query"},
		"twice":       {func(o *prom.Options) { o.Targets = append(o.Targets, o.Targets[0]) }, "twice"},
		"interval":    {func(o *prom.Options) { o.ScrapeInterval = time.Millisecond }, "scrape interval"},
		"evaluation":  {func(o *prom.Options) { o.EvaluationInterval = 0 }, "evaluation interval"},
		"retention":   {func(o *prom.Options) { o.RetentionSize = -1 }, "retention"},
		"no send":     {func(o *prom.Options) { o.Send = nil }, "function that sends alerts"},
		"external":    {func(o *prom.Options) { o.ExternalURL = "" }, "external URL"},
		"bearer file": {func(o *prom.Options) { o.Access.BearerFile = "nowhere" }, "nowhere"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := options(t, newTarget(t))
			c.change(&o)
			kind := prom.ErrOptions
			if name == "bearer file" {
				kind = prom.ErrConfig
			}
			refused(t, o, kind, c.want)
			if _, err := prom.New(o); strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the password is shown: %v", err)
			}
		})
	}
}

// stock is a prometheus.yml of Prometheus 2.42 with few changes: empty sections, comments
// and a job or two.
const stock = `
global:
  scrape_interval: 1s
  evaluation_interval: 300ms
  external_labels:
    monitor: example

alerting:
  alertmanagers:
    - static_configs:
        - targets:
          # - alertmanager:9093

rule_files:
  - "own-*.yml"

scrape_configs:
  - job_name: "more"
    metrics_path: /extra
    static_configs:
      - targets: ["TARGET"]
        labels: {app: shop}
    relabel_configs:
      - source_labels: [__address__]
        target_label: shop
  - job_name: listed
    file_sd_configs:
      - files: [targets.json]
remote_write:
storage:
  exemplars: {max_exemplars: 1000}
  tsdb: {out_of_order_time_window: 1m}
`

func TestConfigFileAddsJobs(t *testing.T) {
	t.Parallel()
	a := newTarget(t)
	extra := "extra 3\n"
	a.extra.Store(&extra)
	a.heat.Set(40)
	o, sent := options(t, a), new(outbox)
	o.Send, o.Rules = sent.send, []byte(hotRule)
	o.ConfigFile = file(t, "prometheus.yml", strings.ReplaceAll(stock, "TARGET", a.host()))
	for name, content := range map[string]string{
		"own-a.yml":    "groups: [{name: own, rules: [{record: own, expr: max(extra)}]}]",
		"targets.json": `[{"targets": ["` + a.host() + `"]}]`,
	} {
		if err := os.WriteFile(filepath.Join(filepath.Dir(o.ConfigFile), name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r := start(t, o)
	r.is(t, `up{job="ticket_system"}`, "1")
	r.is(t, `extra{job="more",app="shop",shop="`+a.host()+`"}`, "3")
	r.is(t, `heat_celsius{job="listed"}`, "40")
	r.is(t, "own", "3")
	eventually(t, "the alert", func() bool { return len(sent.all()) > 0 })
	if l := sent.all()[0].Labels; l["monitor"] != "example" || l["alertname"] != "Hot" {
		t.Errorf("labels: %v", l)
	}
	intervals := make(map[string]float64)
	var rules struct {
		Groups []struct {
			Name     string
			Interval float64
		}
	}
	r.data(t, "/api/v1/rules", &rules)
	for _, g := range rules.Groups {
		intervals[g.Name] = g.Interval
	}
	if intervals["own"] != 0.3 || intervals["heat"] != pace.Seconds() {
		t.Errorf("intervals: %v", intervals)
	}
}

// If a job of the file has the name of the built-in one, one of the two could not be
// scraped. It is an error.
func TestConfigFileWithTheNameOfTheBuiltInJob(t *testing.T) {
	t.Parallel()
	o := options(t, newTarget(t))
	o.ConfigFile = file(t, "prometheus.yml", "global: {scrape_interval: 200ms}\nscrape_configs: [{job_name: ticket_system, static_configs: [{targets: ['h:1']}]}]\n")
	_, err := prom.New(o)
	if !errors.Is(err, prom.ErrConfig) || !strings.Contains(err.Error(), o.ConfigFile+`:2: scrape_configs: job "ticket_system"`) {
		t.Errorf("got %v", err)
	}
}

func FuzzConfigFile(f *testing.F) {
	f.Add(stock)
	f.Add("a: &x [*x]\n")
	f.Add("<<: {remote_write: [1]}\nscrape_configs: [{job_name: a}, null]\n")
	f.Add("scrape_configs:\n- job_name: b\n  scrape_interval: 1s\n  scrape_timeout: 2s\n")
	f.Add("--- a\n--- b\n")
	f.Fuzz(func(t *testing.T, content string) {
		_, err := prom.New(prom.Options{
			Dir: t.TempDir(), Job: "j", Targets: []string{"http://127.0.0.1:1"},
			ScrapeInterval: time.Second, EvaluationInterval: time.Second, ExternalURL: "http://127.0.0.1:8000",
			ConfigFile: file(t, "prometheus.yml", content), Send: new(outbox).send,
		})
		if err != nil && strings.ContainsAny(err.Error(), "\r\n") {
			t.Errorf("more than one line: %q", err)
		}
	})
}
