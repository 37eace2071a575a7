package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"

	"onsale/internal/catalog"
	"onsale/internal/catalog/export"
	"onsale/internal/endpoint"
	"onsale/internal/monitor/discord"
)

// Settings are the job that is watched and the thresholds of the alerts.
type Settings = catalog.Settings

// ExportOptions say for whom `onsale export` writes, and where.
type ExportOptions struct {
	// Settings are the user's job, thresholds and address of runbooks. Without NAME
	// in the address, the name of each alert is appended to it.
	Settings Settings
	// Pace is demo or real.
	Pace string
	// Labels are set on all alerts. Severities replace those of single alerts.
	Labels, Severities map[string]string
	// Targets are metrics pages of the service, and Metrics is a file with such a
	// page, or "-" for In. What the service has no series for is left out. Only one
	// of them may be given; without any, nothing is left out.
	Targets []string
	Metrics string
	// Receiver is where Grafana sends alerts to; its zero value is Discord.
	Receiver ExportReceiver

	ExportOutput

	In io.Reader
}

// ExportReceiver is an `onsale receiver` that alerts go to.
type ExportReceiver = export.Receiver

// ExportOutput says where `onsale export` writes.
type ExportOutput struct {
	// Output is a file, or "-" for Out; a directory for what has several files.
	Output string
	// Force overwrites files that `onsale export` has not written.
	Force bool
	// Out gets what has one file, and Err one line for each file that was written
	// and for each thing that was left out.
	Out, Err io.Writer
}

// maxPages is how many metrics pages are read at most.
const maxPages = 100

// Validate returns an error that names the first option that makes no sense.
func (o ExportOptions) Validate() error {
	exported, err := o.export()
	if err != nil {
		return err
	}
	if o.Metrics != "" && len(o.Targets) > 0 {
		return errors.New("--target and --metrics are both set: choose one")
	}
	if _, err := o.pages(); err != nil {
		return err
	}
	_, err = export.New(exported)
	return err
}

// export returns the options in the words of the package export, without metrics.
func (o ExportOptions) export() (export.Options, error) {
	pace, err := catalog.ParsePace(o.Pace)
	if err != nil {
		return export.Options{}, err
	}
	exported := export.Options{Settings: o.Settings, Pace: pace, Labels: o.Labels, Severities: make(map[string]catalog.Severity), Receiver: o.Receiver}
	exported.Settings.Runbooks = runbookPattern(o.Settings.Runbooks)
	for name, severity := range o.Severities {
		exported.Severities[name] = catalog.Severity(severity)
	}
	return exported, nil
}

// runbookPattern has NAME where the name of the alert belongs.
func runbookPattern(address string) string {
	switch {
	case address == "" || strings.Contains(address, "NAME"):
		return address
	case strings.ContainsAny(address[len(address)-1:], "/=#?"):
		return address + "NAME"
	default:
		return address + "/NAME"
	}
}

// pages are the URLs of the metrics pages.
func (o ExportOptions) pages() ([]*url.URL, error) { return metricsPages(o.Targets) }

// metricsPages reads values of --target as `onsale monitor` does. Without a path it is
// /metrics.
func metricsPages(values []string) ([]*url.URL, error) {
	targets, err := endpoint.ParseTargets(values)
	if err != nil {
		return nil, err
	}
	if len(targets) > maxPages {
		return nil, fmt.Errorf("--target may name at most %d pages, not %d", maxPages, len(targets))
	}
	var pages []*url.URL
	for _, target := range targets {
		u, err := url.Parse(target)
		if err != nil {
			return nil, fmt.Errorf("--target: %w", err)
		}
		u.Path = endpoint.MetricsPath(u)
		pages = append(pages, u)
	}
	return pages, nil
}

// set reads what the service exports, and returns what there is to export for it.
func (o ExportOptions) set(ctx context.Context) (*export.Set, error) {
	exported, err := o.export()
	if err != nil {
		return nil, err
	}
	if exported.Metrics, err = o.metrics(ctx); err != nil {
		return nil, err
	}
	return export.New(exported)
}

// ExportRules writes the rule file of Prometheus.
func ExportRules(ctx context.Context, o ExportOptions) error {
	set, err := o.set(ctx)
	if err != nil {
		return err
	}
	rules, err := set.Rules()
	if err != nil {
		return err
	}
	o.tell(set.LeftOutRules)
	return o.WriteOne(rules)
}

// ExportDashboards writes the dashboards of Grafana into a directory.
func ExportDashboards(ctx context.Context, o ExportOptions) error {
	set, err := o.set(ctx)
	if err != nil {
		return err
	}
	files, err := set.Dashboards()
	if err != nil {
		return err
	}
	o.tell(set.LeftOutPanels)
	return o.writeAll(files)
}

// ExportGrafana writes the files of a Grafana that is set up by files into a
// directory. It finds the Prometheus at a URL.
func ExportGrafana(ctx context.Context, o ExportOptions, prometheusURL string) error {
	set, err := o.set(ctx)
	if err != nil {
		return err
	}
	files, err := set.Grafana(prometheusURL)
	if err != nil {
		return err
	}
	o.tell(set.LeftOutRules)
	o.tell(set.LeftOutPanels)
	return o.writeAll(files)
}

// DefaultPrometheusURL is where a Grafana of the deployment finds its Prometheus.
const DefaultPrometheusURL = export.DefaultPrometheusURL

// CheckPrometheusURL returns an error if a URL is none that Grafana can use.
func CheckPrometheusURL(text string) error {
	if u, ok := endpoint.ParseWebURL(text); !ok || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return fmt.Errorf("--prometheus-url must look like %s, without user and query", DefaultPrometheusURL)
	}
	return nil
}

// ExportRunbooks writes the runbooks, in Markdown, into a directory.
func ExportRunbooks(ctx context.Context, o ExportOptions) error {
	set, err := o.set(ctx)
	if err != nil {
		return err
	}
	o.tell(set.LeftOutRules)
	return o.writeAll(set.Runbooks())
}

// ExportPrometheusOptions say what a Prometheus of the user's own watches.
type ExportPrometheusOptions struct {
	Job, Pace    string
	Targets      []string
	RuleFile     string
	Alertmanager string
}

// ExportPrometheus returns the configuration of a Prometheus. Its errors name the
// option that makes no sense.
func ExportPrometheus(o ExportPrometheusOptions) ([]byte, error) {
	settings := catalog.DefaultSettings()
	settings.Job = o.Job
	if err := settings.Validate(); err != nil {
		return nil, err
	}
	pace, err := catalog.ParsePace(o.Pace)
	if err != nil {
		return nil, err
	}
	pages, err := metricsPages(o.Targets)
	switch {
	case err != nil:
		return nil, err
	case len(pages) == 0:
		return nil, errors.New("--target must name a server")
	case o.RuleFile == "":
		return nil, errors.New("--rule-file must name the rule file")
	case strings.ContainsAny(o.Alertmanager, "/@ "):
		return nil, errors.New("--alertmanager must look like 127.0.0.1:9093")
	}
	for _, u := range pages {
		if u.RawQuery != "" {
			return nil, errors.New("--target must have no query, because it may be secret: add it to the scrape job of the file as params")
		}
	}
	return export.Prometheus(export.PrometheusOptions{
		Job: o.Job, Pace: pace, Targets: pages, RuleFile: o.RuleFile, Alertmanager: o.Alertmanager,
	})
}

// ExportAlertmanagerOptions say what an Alertmanager of the user's own is like.
type ExportAlertmanagerOptions struct {
	// Pace is demo or real, and Version one of Alertmanager, such as 0.28.
	Pace, Version string
	// DiscordURLFile is where the Alertmanager finds the URL of the webhook.
	DiscordURLFile string
	// Mention is DISCORD_MENTION.
	Mention string
	// Receiver is where alerts go in place of Discord. The webhook and the mention are
	// then its own.
	Receiver ExportReceiver
}

// ExportAlertmanager returns the configuration of an Alertmanager. Its errors name
// the option that makes no sense.
func ExportAlertmanager(o ExportAlertmanagerOptions) ([]byte, error) {
	pace, err := catalog.ParsePace(o.Pace)
	if err != nil {
		return nil, err
	}
	version, err := export.ParseVersion(o.Version)
	if err != nil {
		return nil, err
	}
	if _, err := discord.ParseMention(o.Mention); err != nil {
		return nil, err
	}
	return export.Alertmanager(export.AlertmanagerOptions{
		Pace: pace, Version: version, DiscordURLFile: o.DiscordURLFile, Mention: strings.Join(strings.Fields(o.Mention), " "),
		Receiver: o.Receiver,
	})
}
