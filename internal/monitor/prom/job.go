package prom

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/discovery"
	"github.com/prometheus/prometheus/discovery/targetgroup"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/relabel"
	"github.com/prometheus/prometheus/scrape"
)

// maxListed limits the names in an error and the URLs on a page.
const maxListed = 20

// builtInJobs returns the scrape jobs for the targets. The query of a URL is a setting of
// the job, so there is one job for each different query. All targets have the same label
// job. taken are the names of the other jobs.
func builtInJobs(o Options, taken []string) ([]*config.ScrapeConfig, error) {
	var jobs []*config.ScrapeConfig
	byQuery := make(map[string]*config.ScrapeConfig)
	instances := make(map[string]int)
	for _, target := range o.Targets {
		u, err := parseTarget(target)
		if err != nil {
			return nil, err
		}
		query := u.Query()
		job := byQuery[query.Encode()]
		if job == nil {
			name := freeName(o.Job, append(taken, names(jobs)...))
			if job, err = builtInJob(o, name); err != nil {
				return nil, err
			}
			if len(query) > 0 {
				job.Params = query
			}
			byQuery[query.Encode()] = job
			jobs = append(jobs, job)
		}
		job.ServiceDiscoveryConfigs = append(job.ServiceDiscoveryConfigs, discovery.StaticConfig{targetGroup(o.Job, u, instances)})
	}
	for _, job := range jobs {
		if err := job.Validate(config.DefaultGlobalConfig); err != nil {
			return nil, fmt.Errorf("built-in job: %w", oneLine(err))
		}
	}
	return jobs, nil
}

func names(jobs []*config.ScrapeConfig) []string {
	var list []string
	for _, j := range jobs {
		list = append(list, j.JobName)
	}
	return list
}

// freeName returns the name, with a number appended if it is taken.
func freeName(name string, taken []string) string {
	free := name
	for i := 2; slices.Contains(taken, free); i++ {
		free = name + "#" + strconv.Itoa(i)
	}
	return free
}

// builtInJob returns a scrape job without targets.
func builtInJob(o Options, name string) (*config.ScrapeConfig, error) {
	yes := true
	job := config.DefaultScrapeConfig
	job.JobName = name
	job.ScrapeInterval = model.Duration(o.ScrapeInterval)
	job.ScrapeTimeout = model.Duration(min(o.ScrapeInterval, maxScrapeTimeout))
	// Native histograms need protobuf. The classic buckets of the same histograms are
	// stored as well, because existing dashboards and alerts query them.
	job.ScrapeNativeHistograms = &yes
	job.AlwaysScrapeClassicHistograms = &yes
	job.ScrapeProtocols = config.DefaultProtoFirstScrapeProtocols
	// A response without a content type is parsed as text.
	job.ScrapeFallbackProtocol = config.PrometheusText0_0_4
	// Most targets are on this machine. There, compression would cost more than the
	// rest of the scrape.
	job.EnableCompression = false
	job.BodySizeLimit = maxScrapeBytes
	job.SampleLimit = maxScrapeSamples
	job.LabelLimit = maxScrapeLabels
	if err := o.Access.apply(&job.HTTPClientConfig); err != nil {
		return nil, err
	}
	return &job, nil
}

// targetGroup converts the URL of a target to labels. The label instance has neither the
// scheme nor the query, which may be secret. If several targets would have the same
// instance, all but the first get a number.
func targetGroup(job string, u *url.URL, instances map[string]int) *targetgroup.Group {
	path, instance := metricsPath(u), u.Host
	if path != config.DefaultScrapeConfig.MetricsPath {
		instance += path
	}
	instances[instance]++
	if n := instances[instance]; n > 1 {
		instance += "#" + strconv.Itoa(n)
	}
	return &targetgroup.Group{
		Source:  instance,
		Targets: []model.LabelSet{{model.AddressLabel: model.LabelValue(u.Host)}},
		Labels: model.LabelSet{
			model.JobLabel:         model.LabelValue(job),
			model.SchemeLabel:      model.LabelValue(u.Scheme),
			model.MetricsPathLabel: model.LabelValue(path),
			model.InstanceLabel:    model.LabelValue(instance),
		},
	}
}

// metricsPath returns the path of a target's URL, or /metrics if there is none.
func metricsPath(u *url.URL) string {
	if u.Path == "" || u.Path == "/" {
		return config.DefaultScrapeConfig.MetricsPath
	}
	return u.Path
}

// watchJob selects the job of the configuration file that the rules evaluate if there are
// no targets. If the job's scrape interval is longer than that of the rules, it is
// shortened, because the rules' windows need enough samples.
func (p *plan) watchJob(o Options, jobs []*config.ScrapeConfig, where places) error {
	at := slices.IndexFunc(jobs, func(j *config.ScrapeConfig) bool { return j.JobName == o.Job })
	if at < 0 {
		return fmt.Errorf("--job: %s", unknownJob(o, jobs))
	}
	job := jobs[at]
	if every := model.Duration(o.ScrapeInterval); job.ScrapeInterval > every {
		p.notes = append(p.notes, fmt.Sprintf("job %q is scraped every %s instead of every %s, because the rules need that interval", o.Job, every, job.ScrapeInterval))
		job.ScrapeInterval = every
		job.ScrapeTimeout = min(job.ScrapeTimeout, every)
	}
	overwrites := func(r *relabel.Config) bool { return r.TargetLabel == model.JobLabel }
	if job.HonorLabels {
		p.doubts = append(p.doubts, fmt.Sprintf("%s: honor_labels: no alert covers series that have their own label job with a value other than %q", where[o.Job], o.Job))
	}
	if slices.ContainsFunc(job.MetricRelabelConfigs, overwrites) {
		p.doubts = append(p.doubts, fmt.Sprintf("%s: metric_relabel_configs: no alert covers series whose label job is no longer %q", where[o.Job], o.Job))
	}
	p.watched = staticTargets(job)
	return nil
}

// unknownJob returns an error text that lists the jobs of the file.
func unknownJob(o Options, jobs []*config.ScrapeConfig) string {
	if len(jobs) == 0 {
		return o.ConfigFile + " has no scrape job; name the server to monitor with --target"
	}
	var list []string
	for _, name := range names(jobs)[:min(len(jobs), maxListed)] {
		list = append(list, strconv.Quote(name))
	}
	if more := len(jobs) - len(list); more > 0 {
		list = append(list, fmt.Sprintf("and %d more", more))
	}
	return fmt.Sprintf("%q is not a scrape job of %s, which has %s", o.Job, o.ConfigFile, strings.Join(list, ", "))
}

// staticTargets returns the URLs of a job's static_configs, without queries. Targets from
// file_sd_configs are not known yet.
func staticTargets(job *config.ScrapeConfig) []string {
	urls := make(map[string]bool)
	for _, d := range job.ServiceDiscoveryConfigs {
		groups, _ := d.(discovery.StaticConfig)
		for _, group := range groups {
			targets, _ := scrape.TargetsFromGroup(group, job, nil, labels.NewBuilder(labels.EmptyLabels()))
			for _, t := range targets {
				if t.Labels(labels.NewBuilder(labels.EmptyLabels())).IsEmpty() {
					continue // dropped by relabelling
				}
				u := t.URL()
				u.RawQuery = ""
				urls[u.String()] = true
			}
		}
	}
	list := slices.Sorted(maps.Keys(urls))
	return list[:min(len(list), maxListed)]
}
