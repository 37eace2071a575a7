package export

import (
	"bytes"
	"fmt"
	"net/url"
	"time"

	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v3"

	"onsale/internal/catalog"
)

// PrometheusOptions say what a Prometheus of the user's own watches.
type PrometheusOptions struct {
	Job  string
	Pace catalog.Pace
	// Targets are the metrics pages, http or https, with the path and without a query.
	Targets []*url.URL
	// RuleFile is the path of the rule file, seen from the configuration file.
	RuleFile string
	// Alertmanager is HOST:PORT of the Alertmanager that gets the alerts; empty: none.
	Alertmanager string
}

// DefaultRuleFile is the rule file beside the configuration.
const DefaultRuleFile = "rules.yml"

// The configuration, in Prometheus's own shape.
type (
	prometheusFile struct {
		Global        globalSection   `yaml:"global"`
		RuleFiles     []string        `yaml:"rule_files"`
		Alerting      *alertingPart   `yaml:"alerting,omitempty"`
		ScrapeConfigs []scrapeSection `yaml:"scrape_configs"`
	}
	globalSection struct {
		ScrapeInterval     string `yaml:"scrape_interval"`
		ScrapeTimeout      string `yaml:"scrape_timeout"`
		EvaluationInterval string `yaml:"evaluation_interval"`
	}
	alertingPart struct {
		Alertmanagers []staticTargets `yaml:"alertmanagers"`
	}
	staticTargets struct {
		StaticConfigs []staticConfig `yaml:"static_configs"`
	}
	scrapeSection struct {
		JobName       string         `yaml:"job_name"`
		StaticConfigs []staticConfig `yaml:"static_configs"`
	}
	staticConfig struct {
		Targets []string          `yaml:"targets"`
		Labels  map[string]string `yaml:"labels,omitempty"`
	}
)

// Prometheus returns the configuration of a Prometheus that watches the targets
// and nothing else.
func Prometheus(o PrometheusOptions) ([]byte, error) {
	file := prometheusFile{
		Global: globalSection{
			ScrapeInterval: span(o.Pace.Scrape),
			// A scrape must end before the next one is due.
			ScrapeTimeout:      span(o.Pace.Scrape - o.Pace.Scrape/5),
			EvaluationInterval: span(o.Pace.Evaluate),
		},
		RuleFiles:     []string{o.RuleFile},
		ScrapeConfigs: []scrapeSection{{JobName: o.Job}},
	}
	if o.Alertmanager != "" {
		file.Alerting = &alertingPart{[]staticTargets{{[]staticConfig{{Targets: []string{o.Alertmanager}}}}}}
	}
	for _, u := range o.Targets {
		job := &file.ScrapeConfigs[0]
		job.StaticConfigs = append(job.StaticConfigs, scraped(u))
	}
	return encode(file, header("The least that Prometheus needs to watch this job. It looks for the rules beside this file:",
		"  prometheus --config.file prometheus.yml"))
}

// scraped says where a target is. What differs from Prometheus's defaults are
// labels that Prometheus reads and drops.
func scraped(u *url.URL) staticConfig {
	c := staticConfig{Targets: []string{u.Host}}
	labels := make(map[string]string)
	if u.Scheme != "http" {
		labels["__scheme__"] = u.Scheme
	}
	if path := u.EscapedPath(); path != "/metrics" {
		labels["__metrics_path__"] = path
		labels["instance"] = u.Host + path
	}
	if len(labels) > 0 {
		c.Labels = labels
	}
	return c
}

// encode writes a file in YAML below its first lines.
func encode(file any, head string) ([]byte, error) {
	out := bytes.NewBufferString(head)
	enc := yaml.NewEncoder(out)
	enc.SetIndent(2)
	if err := enc.Encode(file); err != nil {
		return nil, fmt.Errorf("write YAML: %w", err)
	}
	return out.Bytes(), nil
}

// span writes a time as Prometheus, Alertmanager and Grafana read it.
func span(d time.Duration) string { return model.Duration(d).String() }
