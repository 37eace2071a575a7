package main

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	alertmanager "github.com/prometheus/alertmanager/config"
	prometheus "github.com/prometheus/prometheus/config"
	"go.yaml.in/yaml/v3"
)

// newer lists the fields of a configuration that a tool of Debian 12 does not support, each
// with the reason for it.
type newer struct {
	tool    string
	version string // in Debian 12
	check   []string
	fields  map[string]string
}

// newerInPrometheus are the newer fields of the built-in Prometheus configuration. The
// library also writes out the defaults.
func newerInPrometheus() newer {
	const unset = "not set, the library writes out its default: "
	return newer{tool: "promtool", version: "version 2.42.", check: []string{"check", "config"}, fields: map[string]string{
		"scrape_configs.scrape_native_histograms":         "set: native histograms are wanted",
		"scrape_configs.always_scrape_classic_histograms": "set: the queries of the contract also read the classic buckets",
		"scrape_configs.scrape_protocols":                 "set: native histograms come in protobuf only",
		"scrape_configs.fallback_scrape_protocol":         "set: earlier services may omit the Content-Type",
		"scrape_configs.enable_compression":               "set: scrapes on the same machine need no compression",

		"global.scrape_native_histograms":      unset + "each job sets it",
		"global.extra_scrape_metrics":          unset + "no extra series per scrape",
		"global.metric_name_validation_scheme": unset + "names in UTF-8",
		"global.metric_name_escaping_scheme":   unset + "names stay unchanged",

		"scrape_configs.metric_name_validation_scheme":      unset + "as global",
		"scrape_configs.metric_name_escaping_scheme":        unset + "as global",
		"scrape_configs.extra_scrape_metrics":               unset + "as global",
		"scrape_configs.track_timestamps_staleness":         unset + "targets send no timestamps",
		"scrape_configs.convert_classic_histograms_to_nhcb": unset + "classic histograms stay unchanged",

		"runtime":                unset + "for a separate Prometheus process",
		"storage.tsdb.retention": unset + "retention is set on the command line",
		"otlp":                   unset + "the API accepts no samples",
	}}
}

// newerInAlertmanager are the newer fields of the built-in Alertmanager configuration.
func newerInAlertmanager() newer {
	const unset = "not set, the library writes out its default: "
	return newer{tool: "amtool", version: "version 0.25.", check: []string{"check-config"}, fields: map[string]string{
		"receivers.labels":          unset + "the name once more",
		"global.smtp_tls_config":    unset + "no mail is sent",
		"global.slack_app_url":      unset + "nothing is sent to Slack",
		"global.rocketchat_api_url": unset + "nothing is sent to Rocket.Chat",
	}}
}

// TestBuiltInConfiguration reads the configuration of `up` and `monitor` with the pinned
// libraries, and without the newer fields also with Debian's tools.
func TestBuiltInConfiguration(t *testing.T) {
	t.Parallel()
	up := launch(t, nil, "up", "--listen", "127.0.0.1:0", "--crowd", "0", dataDir(t))
	monitor := launch(t, nil, "monitor", "--listen", "127.0.0.1:0", dataDir(t),
		"--target", up.url()+",https://shop.example:8443/sales/metrics", "--bearer-file", writeFile(t, "token", "secret"))
	for name, p := range map[string]*process{"up": up, "monitor": monitor} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := watch(t, awaitAlerting(t, p))
			awaitUp(t, w, "1") // so that the Prometheus answers

			var shown struct {
				Data   struct{ YAML string }     // of Prometheus
				Config struct{ Original string } // of Alertmanager
			}
			w.read(t, "/api/v1/status/config", &shown)
			w.read(t, "/api/v2/status", &shown)
			config := shown.Data.YAML
			if _, err := prometheus.Load(config, slog.New(slog.DiscardHandler)); err != nil {
				t.Errorf("the Prometheus configuration: %v\n%s", err, config)
			}
			newerInPrometheus().allBut(t, config)

			config = shown.Config.Original
			if _, err := alertmanager.Load(config); err != nil {
				t.Errorf("the Alertmanager configuration: %v\n%s", err, config)
			}
			newerInAlertmanager().allBut(t, config)
		})
	}
}

// TestCommittedConfiguration reads the configuration under deploy/ with the pinned library.
// Another test runs Debian's Prometheus with it.
func TestCommittedConfiguration(t *testing.T) {
	t.Parallel()
	config, err := prometheus.LoadFile(filepath.Join("..", "..", "deploy", "prometheus", "prometheus.yml"), false, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if len(config.ScrapeConfigs) != 1 || len(config.RuleFiles) != 1 {
		t.Errorf("it has %d scrape jobs and %d rule files, want one of each", len(config.ScrapeConfigs), len(config.RuleFiles))
	}
}

// complaint matches what Debian's tools write about an unknown field.
var complaint = regexp.MustCompile(`line (\d+): field (\S+) not found`)

// allBut checks that Debian's tool rejects exactly the listed newer fields, and accepts the
// configuration without them.
func (n newer) allBut(t *testing.T, config string) {
	t.Helper()
	// A newer version of the tool can support more of them, but not fewer.
	exact := strings.Contains(mustRun(t, n.tool, "--version"), n.version)
	out, _ := runTool(t, "", n.tool, append(n.check, writeFile(t, "whole.yml", config))...)
	unknown := map[string]bool{} // by line and name
	for _, m := range complaint.FindAllStringSubmatch(out, -1) {
		unknown[m[1]+" "+m[2]] = true
	}

	var document yaml.Node
	if err := yaml.Unmarshal([]byte(config), &document); err != nil {
		t.Fatal(err)
	}
	listed := map[string]bool{}
	keepFields(&document, "", func(key *yaml.Node, path string) bool {
		_, ok := n.fields[path]
		listed[path] = ok
		known := !unknown[fmt.Sprintf("%d %s", key.Line, key.Value)]
		switch {
		case ok && known && exact:
			t.Errorf("%s supports %s: remove it from the list", n.tool, path)
		case !ok && !known:
			t.Errorf("%s does not support %s, which is not on the list", n.tool, path)
		}
		return !ok
	})
	for field := range n.fields {
		if !listed[field] {
			t.Errorf("%s is on the list of newer fields, but not in the configuration", field)
		}
	}
	rest, err := yaml.Marshal(&document)
	if err != nil {
		t.Fatal(err)
	}
	if out, ok := runTool(t, "", n.tool, append(n.check, writeFile(t, "rest.yml", string(rest)))...); !ok {
		t.Errorf("%s without the newer fields: %s\n%s", n.tool, out, rest)
	}
}

// keepFields removes the other fields below a node. A path consists of the names of the
// fields around one; the items of a list have the path of the list.
func keepFields(n *yaml.Node, path string, keep func(key *yaml.Node, path string) bool) {
	if n.Kind != yaml.MappingNode {
		for _, item := range n.Content {
			keepFields(item, path, keep)
		}
		return
	}
	var kept []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		below := strings.TrimPrefix(path+"."+key.Value, ".")
		if keep(key, below) {
			keepFields(value, below, keep)
			kept = append(kept, key, value)
		}
	}
	n.Content = kept
}
