package prom

import (
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	httpconfig "github.com/prometheus/common/config"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/discovery"
	"github.com/prometheus/prometheus/discovery/targetgroup"
	"github.com/prometheus/prometheus/promql/parser"
)

// plan is what the options come to once everything they name was read and
// checked. It is not changed any more.
type plan struct {
	// config holds all scrape jobs, the built-in one among them.
	config *config.Config
	rules  *ruleSet
	url    *url.URL
	parser parser.Parser
}

// Limits on what a target of the built-in job may send. A service that names
// its series by something endless would otherwise fill memory and disk; a scrape
// beyond them fails, which InstanceDown tells.
const (
	maxScrapeBytes   = 32 << 20
	maxScrapeSamples = 50_000
	maxScrapeLabels  = 64
	// maxScrapeTimeout is the default of Prometheus.
	maxScrapeTimeout = 10 * time.Second
)

func newPlan(o Options, logger *slog.Logger) (plan, error) {
	external, err := parseURL(o.ExternalURL)
	if err != nil {
		return plan{}, fmt.Errorf("%w: %w", ErrOptions, err)
	}
	external.Path = strings.TrimRight(external.Path, "/")
	cfg, err := loadConfig(o, logger)
	if err != nil {
		return plan{}, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	p := parser.NewParser(parser.Options{})
	rules, err := loadRules(o, cfg, p, logger)
	if err != nil {
		return plan{}, fmt.Errorf("%w: %w", ErrRules, err)
	}
	return plan{config: cfg, rules: rules, url: external, parser: p}, nil
}

// loadConfig reads the user's configuration, if there is one, and adds the
// built-in job to it.
func loadConfig(o Options, logger *slog.Logger) (*config.Config, error) {
	cfg, places, err := readConfig(o, logger)
	if err != nil {
		return nil, err
	}
	jobs, err := cfg.GetScrapeConfigs()
	if err != nil {
		return nil, oneLine(err)
	}
	for _, job := range jobs {
		// Certificates and keys are read, as they will be when the job starts.
		if _, err := httpconfig.NewClientFromConfig(job.HTTPClientConfig, job.JobName); err != nil {
			return nil, fmt.Errorf("%s: scrape_configs: job %q: %w", places[job.JobName], job.JobName, oneLine(err))
		}
	}
	if len(o.Targets) > 0 {
		if slices.ContainsFunc(jobs, func(j *config.ScrapeConfig) bool { return j.JobName == o.Job }) {
			return nil, fmt.Errorf("%s: scrape_configs: job %q is that of the built-in targets: rename it", places[o.Job], o.Job)
		}
		job, err := builtInJob(o)
		if err != nil {
			return nil, err
		}
		jobs = append([]*config.ScrapeConfig{job}, jobs...)
	}
	// All jobs are known now; later changes to the files have no effect.
	cfg.ScrapeConfigs, cfg.ScrapeConfigFiles = jobs, nil
	return cfg, nil
}

// builtInJob is the scrape job of the targets.
func builtInJob(o Options) (*config.ScrapeConfig, error) {
	if o.BearerFile != "" {
		if f, err := os.Open(o.BearerFile); err != nil {
			return nil, fmt.Errorf("--bearer-file: %w", err)
		} else if err := f.Close(); err != nil {
			return nil, fmt.Errorf("--bearer-file: %w", err)
		}
	}
	yes := true
	job := config.DefaultScrapeConfig
	job.JobName = o.Job
	job.ScrapeInterval = model.Duration(o.ScrapeInterval)
	job.ScrapeTimeout = model.Duration(min(o.ScrapeInterval, maxScrapeTimeout))
	// Native histograms come in protobuf only. The classic buckets of the same
	// histograms are kept as well: the queries of the contract ask for them.
	job.ScrapeNativeHistograms = &yes
	job.AlwaysScrapeClassicHistograms = &yes
	job.ScrapeProtocols = config.DefaultProtoFirstScrapeProtocols
	// A target that does not say in what format it answers, answers in text.
	job.ScrapeFallbackProtocol = config.PrometheusText0_0_4
	// The targets are near, often on this machine: packing and unpacking what never
	// leaves the machine would cost more than all the rest of a scrape.
	job.EnableCompression = false
	job.BodySizeLimit = maxScrapeBytes
	job.SampleLimit = maxScrapeSamples
	job.LabelLimit = maxScrapeLabels
	if o.BearerFile != "" {
		job.HTTPClientConfig.Authorization = &httpconfig.Authorization{Type: "Bearer", CredentialsFile: o.BearerFile}
	}
	for _, t := range o.Targets {
		group, err := targetGroup(t)
		if err != nil {
			return nil, err
		}
		job.ServiceDiscoveryConfigs = append(job.ServiceDiscoveryConfigs, discovery.StaticConfig{group})
	}
	if err := job.Validate(config.DefaultGlobalConfig); err != nil {
		return nil, fmt.Errorf("built-in job: %w", oneLine(err))
	}
	return &job, nil
}

// targetGroup turns the URL of a target into its labels.
func targetGroup(target string) (*targetgroup.Group, error) {
	u, err := parseURL(target)
	if err != nil {
		return nil, fmt.Errorf("target: %w", err)
	}
	path := strings.TrimRight(u.Path, "/")
	instance := u.Host + path
	if path == "" || path == config.DefaultScrapeConfig.MetricsPath {
		path, instance = config.DefaultScrapeConfig.MetricsPath, u.Host
	}
	return &targetgroup.Group{
		Source:  target,
		Targets: []model.LabelSet{{model.AddressLabel: model.LabelValue(u.Host)}},
		Labels: model.LabelSet{
			model.SchemeLabel:      model.LabelValue(u.Scheme),
			model.MetricsPathLabel: model.LabelValue(path),
			model.InstanceLabel:    model.LabelValue(instance),
		},
	}, nil
}
