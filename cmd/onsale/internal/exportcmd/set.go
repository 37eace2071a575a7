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

// maxPages is how many metrics pages are read at most.
const maxPages = 100

// options returns what the flags say. Its errors name the flag that makes no sense.
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

// options returns what the flags say.
func (f *alertedFlags) options() (export.Options, error) {
	o, err := f.serviceFlags.options()
	o.Severities = make(map[string]catalog.Severity)
	for name, severity := range f.Severity {
		o.Severities[name] = catalog.Severity(severity)
	}
	return o, err
}

// options returns what the flags say.
func (f *ruleFlags) options() (export.Options, error) {
	o, err := f.alertedFlags.options()
	o.Labels, o.Settings.Runbooks = f.Label, runbookPattern(f.RunbookURL)
	return o, err
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

// checked returns the options if they make sense, before anything is read or written, and
// else a [command.UsageError].
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

// read reads what the service exports, and returns what there is to export for it.
func (f *serviceFlags) read(ctx context.Context, e *command.Env, o export.Options) (*export.Set, error) {
	var err error
	if o.Metrics, err = f.metrics(ctx, e); err != nil {
		return nil, err
	}
	return export.New(o)
}

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
