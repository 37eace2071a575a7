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

// PrometheusOptions configure the user's own Prometheus.
type PrometheusOptions struct {
	Job  string
	Pace catalog.Pace
	// Targets are the http or https URLs of the metrics pages, with a path and
	// without a query.
	Targets []*url.URL
	// RuleFile is the path of the rule file, relative to the configuration file.
	RuleFile string
	// Alertmanager is the HOST:PORT of the Alertmanager to send alerts to; empty:
	// none.
	Alertmanager string
}

// DefaultRuleFile is the rule file in the same directory as the configuration.
const DefaultRuleFile = "rules.yml"

// The configuration in Prometheus's format.
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

// Prometheus returns the configuration of a Prometheus that scrapes only the
// targets.
func Prometheus(o PrometheusOptions) ([]byte, error) {
	file := prometheusFile{
		Global: globalSection{
			ScrapeInterval: span(o.Pace.Scrape),
			// A scrape must end before the next one starts.
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
	return encode(file, header("The minimal configuration for this job. Prometheus reads the rules from the directory of this file:",
		"  prometheus --config.file prometheus.yml"))
}

// scraped returns the scrape configuration of a target. Labels with the prefix __
// override Prometheus's defaults.
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

// encode appends the file as YAML to its first lines.
func encode(file any, head string) ([]byte, error) {
	out := bytes.NewBufferString(head)
	enc := yaml.NewEncoder(out)
	enc.SetIndent(2)
	if err := enc.Encode(file); err != nil {
		return nil, fmt.Errorf("write YAML: %w", err)
	}
	return out.Bytes(), nil
}

// span formats a duration for Prometheus, Alertmanager and Grafana.
func span(d time.Duration) string { return model.Duration(d).String() }
