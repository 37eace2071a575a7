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

// maxListed is how many names an error or a page lists.
const maxListed = 20

// builtInJobs are the scrape jobs of the targets. Params are those of a job, so that
// there is one for each query that targets have; all carry the same label job. The
// names of the others are taken.
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

// freeName returns the name, with a number if it is taken.
func freeName(name string, taken []string) string {
	free := name
	for i := 2; slices.Contains(taken, free); i++ {
		free = name + "#" + strconv.Itoa(i)
	}
	return free
}

// builtInJob is a scrape job without targets.
func builtInJob(o Options, name string) (*config.ScrapeConfig, error) {
	yes := true
	job := config.DefaultScrapeConfig
	job.JobName = name
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
	if err := o.Access.apply(&job.HTTPClientConfig); err != nil {
		return nil, err
	}
	return &job, nil
}

// targetGroup turns the URL of a target into its labels. The label instance has no
// query, which may be secret, nor the scheme: a target that would be the second of a
// name gets a number.
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

// metricsPath is the path of a target as it was written, /metrics where there is none.
func metricsPath(u *url.URL) string {
	if u.Path == "" || u.Path == "/" {
		return config.DefaultScrapeConfig.MetricsPath
	}
	return u.Path
}

// watchJob has the rules judge a job of the configuration file, in place of targets. It
// is scraped at the pace of the rules where its own is slower, because their windows
// are made for that.
func (p *plan) watchJob(o Options, jobs []*config.ScrapeConfig, where places) error {
	at := slices.IndexFunc(jobs, func(j *config.ScrapeConfig) bool { return j.JobName == o.Job })
	if at < 0 {
		return fmt.Errorf("--job: %s", unknownJob(o, jobs))
	}
	job := jobs[at]
	if every := model.Duration(o.ScrapeInterval); job.ScrapeInterval > every {
		p.notes = append(p.notes, fmt.Sprintf("job %q is scraped every %s and not every %s, because the rules need that", o.Job, every, job.ScrapeInterval))
		job.ScrapeInterval = every
		job.ScrapeTimeout = min(job.ScrapeTimeout, every)
	}
	overwrites := func(r *relabel.Config) bool { return r.TargetLabel == model.JobLabel }
	if job.HonorLabels {
		p.doubts = append(p.doubts, fmt.Sprintf("%s: honor_labels: series that bring a label job of their own, other than %q, are judged by no alert", where[o.Job], o.Job))
	}
	if slices.ContainsFunc(job.MetricRelabelConfigs, overwrites) {
		p.doubts = append(p.doubts, fmt.Sprintf("%s: metric_relabel_configs: series whose label job is not %q any more are judged by no alert", where[o.Job], o.Job))
	}
	p.watched = staticTargets(job)
	return nil
}

// unknownJob lists the jobs that there are.
func unknownJob(o Options, jobs []*config.ScrapeConfig) string {
	if len(jobs) == 0 {
		return o.ConfigFile + " has no scrape job; give the server to watch by --target"
	}
	var list []string
	for _, name := range names(jobs)[:min(len(jobs), maxListed)] {
		list = append(list, strconv.Quote(name))
	}
	if more := len(jobs) - len(list); more > 0 {
		list = append(list, fmt.Sprintf("and %d more", more))
	}
	return fmt.Sprintf("%q is no scrape job of %s, which has %s", o.Job, o.ConfigFile, strings.Join(list, ", "))
}

// staticTargets returns the URLs of the targets that a job lists itself, without
// queries. Those that files list are known later.
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
