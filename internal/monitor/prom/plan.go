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

// plan is what the options come to once everything they name was read and
// checked. It is not changed any more.
type plan struct {
	// config holds all scrape jobs, the built-in one among them.
	config *config.Config
	rules  *ruleSet
	url    *url.URL
	parser parser.Parser
	// watched are the URLs of what the rules judge, as far as they are known at start.
	watched []string
	// doubts and notes are said at start: what may be wrong, and what is other than in
	// the file.
	doubts, notes []string
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
	p := plan{url: external, parser: parser.NewParser(parser.Options{})}
	if err := p.load(o, logger); err != nil {
		return plan{}, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	if p.rules, err = loadRules(o, p.config, p.parser, logger); err != nil {
		return plan{}, fmt.Errorf("%w: %w", ErrRules, err)
	}
	return p, nil
}

// load reads the user's configuration, if there is one, and adds the built-in job to
// it or, without targets, picks the job that the rules judge.
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
		// Certificates and keys are read, as they will be when the job starts.
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
			return fmt.Errorf("%s: scrape_configs: job %q is that of the built-in targets: rename it, or give the built-in one another name by --job, or watch that of the file by leaving out --target", places[o.Job], o.Job)
		}
		builtIn, err := builtInJobs(o, names(jobs))
		if err != nil {
			return err
		}
		jobs = append(builtIn, jobs...)
		p.watched = o.Targets
	}
	if o.Access.InsecureSkipVerify {
		p.doubts = append(p.doubts, "--target-insecure-skip-verify: the certificates of targets are not checked, so that anyone on the way can read and change what they send; --target-ca-file is safer")
	}
	// All jobs are known now; later changes to the files have no effect.
	cfg.ScrapeConfigs, cfg.ScrapeConfigFiles = jobs, nil
	p.config = cfg
	return nil
}
