package prom

import (
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"time"

	httpconfig "github.com/prometheus/common/config"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/promql/parser"
)

// plan is everything that is derived from the options before anything starts. All files
// have been read and checked. It does not change.
type plan struct {
	// config has all scrape jobs, including the built-in one.
	config *config.Config
	rules  *ruleSet
	url    *url.URL
	parser parser.Parser
	// watched are the URLs of the targets that the rules evaluate, as far as they are
	// known at start.
	watched []string
	// doubts and notes are logged at start. doubts are settings that may be wrong. notes
	// are settings of the file that are not used.
	doubts, notes []string
}

// Limits on a response of a target of the built-in job. Without them, a service with
// unbounded label values could fill memory and disk. A scrape beyond them fails, so
// InstanceDown fires.
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
	p := plan{url: external, parser: parser.NewParser(parser.Options{})}
	if err := p.load(o, logger); err != nil {
		return plan{}, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	if p.rules, err = loadRules(o, p.config, p.parser, logger); err != nil {
		return plan{}, fmt.Errorf("%w: %w", ErrRules, err)
	}
	return p, nil
}

// load reads the user's configuration, if there is one. It adds the built-in job or,
// without targets, selects the job that the rules evaluate.
func (p *plan) load(o Options, logger *slog.Logger) error {
	cfg, places, err := readConfig(o, logger)
	if err != nil {
		return err
	}
	jobs, err := cfg.GetScrapeConfigs()
	if err != nil {
		return oneLine(err)
	}
	for _, job := range jobs {
		// This reads certificates and keys, so that mistakes are found now.
		if _, err := httpconfig.NewClientFromConfig(job.HTTPClientConfig, job.JobName); err != nil {
			return fmt.Errorf("%s: scrape_configs: job %q: %w", places[job.JobName], job.JobName, oneLine(err))
		}
	}
	if len(o.Targets) == 0 {
		if err := p.watchJob(o, jobs, places); err != nil {
			return err
		}
	} else {
		if slices.Contains(names(jobs), o.Job) {
			return fmt.Errorf("%s: scrape_configs: job %q has the name of the built-in job: rename it, or name the built-in job with --job, or leave out --target to monitor the job of the file", places[o.Job], o.Job)
		}
		builtIn, err := builtInJobs(o, names(jobs))
		if err != nil {
			return err
		}
		jobs = append(builtIn, jobs...)
		p.watched = o.Targets
	}
	if o.Access.InsecureSkipVerify {
		p.doubts = append(p.doubts, "--target-insecure-skip-verify: certificates of targets are not checked, so anyone on the network path can read and change metrics; --target-ca-file is safer")
	}
	// From now on, changes to the files have no effect.
	cfg.ScrapeConfigs, cfg.ScrapeConfigFiles = jobs, nil
	p.config = cfg
	return nil
}
