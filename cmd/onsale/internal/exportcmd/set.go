package exportcmd

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"onsale/cmd/onsale/internal/command"
	"onsale/internal/catalog"
	"onsale/internal/catalog/export"
	"onsale/internal/endpoint"
)

// maxPages limits the number of metrics pages.
const maxPages = 100

// options returns the options from the flags. Its errors name the invalid flag.
func (f *serviceFlags) options() (export.Options, error) {
	pace, err := catalog.ParsePace(f.Pace)
	if err != nil {
		return export.Options{}, err
	}
	o := export.Options{Settings: catalog.DefaultSettings(), Pace: pace}
	o.Settings.Job = f.Job
	f.Alert.Set(&o.Settings)
	return o, nil
}

// options returns the options from the flags.
func (f *alertedFlags) options() (export.Options, error) {
	o, err := f.serviceFlags.options()
	o.Severities = make(map[string]catalog.Severity)
	for name, severity := range f.Severity {
		o.Severities[name] = catalog.Severity(severity)
	}
	return o, err
}

// options returns the options from the flags.
func (f *ruleFlags) options() (export.Options, error) {
	o, err := f.alertedFlags.options()
	o.Labels, o.Settings.Runbooks = f.Label, runbookPattern(f.RunbookURL)
	return o, err
}

// runbookPattern returns the address with NAME in the place of the alert's name.
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

// checked returns the options if they are valid, and otherwise a [command.UsageError]. It
// neither reads nor writes files.
func (f *serviceFlags) checked(o export.Options, err error) (export.Options, error) {
	if err == nil && f.Metrics != "" && len(f.Target) > 0 {
		err = errors.New("--target and --metrics are both set: choose one")
	}
	if err == nil {
		_, err = metricsPages(f.Target)
	}
	if err == nil {
		_, err = export.New(o)
	}
	return o, command.Checked(err)
}

// read reads the metrics of the service, and returns the rules and dashboards that fit them.
func (f *serviceFlags) read(ctx context.Context, e *command.Env, o export.Options) (*export.Set, error) {
	var err error
	if o.Metrics, err = f.metrics(ctx, e); err != nil {
		return nil, err
	}
	return export.New(o)
}

// prepare checks the flags, reads the metrics of the service, and returns the rules and dashboards
// that fit them. o and err are the result of options.
func (f *serviceFlags) prepare(ctx context.Context, e *command.Env, o export.Options, err error) (*export.Set, error) {
	o, err = f.checked(o, err)
	if err != nil {
		return nil, err
	}
	return f.read(ctx, e, o)
}

// metricsPages parses values of --target in the same way as `onsale monitor`. The default
// path is /metrics.
func metricsPages(values []string) ([]*url.URL, error) {
	targets, err := endpoint.ParseTargets(values)
	if err != nil {
		return nil, err
	}
	if len(targets) > maxPages {
		return nil, fmt.Errorf("--target must name at most %d pages, not %d", maxPages, len(targets))
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
