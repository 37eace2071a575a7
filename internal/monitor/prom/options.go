package prom

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/promql"

	"onsale/internal/endpoint"
	"onsale/internal/monitor/turnstile"
)

// Options say what is monitored, and how. Dir, Job, Targets or ConfigFile, the two
// intervals, ExternalURL and Send are required.
type Options struct {
	// Dir is the directory of the database. Run creates it.
	Dir string

	// Job is the name of the built-in scrape job. Without Targets, it is the name of
	// the job in ConfigFile that the rules evaluate.
	Job string
	// Targets are the URLs of the built-in job, http://HOST:PORT[/PATH][?QUERY]. The
	// default path is /metrics. The label instance is HOST:PORT, or HOST:PORT/PATH for
	// another path. If several targets would have the same instance, all but the first
	// get a number.
	Targets []string
	// Access is how scrapes of the built-in job authenticate.
	Access Access
	// ScrapeInterval is how often the built-in job scrapes. It is also the timeout of a
	// scrape, up to 10 s.
	ScrapeInterval time.Duration
	// EvaluationInterval is how often rules are evaluated, except those of the
	// configuration file.
	EvaluationInterval time.Duration

	// Rules is the content of a rule file, or empty. Its rules are reported under the
	// file name [BuiltInRules].
	Rules []byte
	// RuleFiles are more rule files. The last part of a path may contain a *.
	RuleFiles []string
	// ConfigFile is a prometheus.yml, or empty. Its jobs are added to the built-in one
	// and must not have the same name. Its global section applies to its own jobs and
	// rule files. Settings that the embedded Prometheus does not support are errors.
	ConfigFile string

	// RetentionTime is how long samples are kept, and RetentionSize how many bytes of
	// them; 0 means no limit.
	RetentionTime time.Duration
	RetentionSize int64

	// ExternalURL is the address of this server, the base of links in alerts.
	ExternalURL string
	// ResendDelay is how often an alert that is still firing is sent again. Alerts are
	// sent with an end time of four times that, so that they resolve by themselves if
	// they are no longer sent. 0 means 12 evaluations, at most 1 min.
	ResendDelay time.Duration
	// LookbackDelta is how old a sample may be to count as the current value. 0 means
	// 5 min, as in Prometheus. A faster pace needs no shorter value, because Prometheus
	// marks series that have ended.
	LookbackDelta time.Duration

	// QueryShare is the share of all processors that API queries may use in the long
	// run. 0 means [turnstile.DefaultShare].
	QueryShare float64

	// Send gets firing alerts, again after every ResendDelay, and resolved alerts. The
	// EndsAt of a firing alert is in the future. Rules wait for Send, so it must not
	// block. Its context ends with Run.
	Send func(ctx context.Context, alerts []*model.Alert)
	// WhileScraping, if it is not nil, runs while targets are scraped and can query
	// series. It must return soon after its context has ended. It runs again when the
	// database has been reopened.
	WhileScraping func(ctx context.Context, source Source)
	// FreeSpace returns the free space for the directory, in bytes. Now returns the time.
	// Both are used to check the database. nil means the system's.
	FreeSpace func(dir string) (uint64, error)
	Now       func() time.Time
	// Logger gets the log of the library: warnings and errors, repeated ones once a
	// minute, and the rest at level debug.
	Logger *slog.Logger
}

// Source gives [Options].WhileScraping access to the running server.
type Source struct {
	// Query runs an instant query of PromQL at the current time, with the limits of rules.
	Query func(ctx context.Context, expr string) (promql.Vector, error)
	// Announces reports whether the last scrapes of a target had a TYPE comment for a
	// counter or histogram. There may be no sample of it yet.
	Announces func(job, instance, metric string) bool
}

// BuiltInRules is the file name under which the rules of [Options].Rules are
// reported.
const BuiltInRules = "built-in rules"

const (
	// minInterval is the shortest interval of scrapes and evaluations. With shorter ones
	// the monitoring itself would be the main load.
	minInterval = 100 * time.Millisecond
	// maxResendDelay is the resend delay of the Prometheus binary.
	maxResendDelay = time.Minute
	// resendEvaluations is after how many evaluations an alert is sent again.
	resendEvaluations = 12
	// defaultLookback is the default of the Prometheus binary.
	defaultLookback = 5 * time.Minute
)

// withDefaults fills in the defaults of optional fields.
func (o Options) withDefaults() Options {
	if o.ResendDelay == 0 {
		o.ResendDelay = min(maxResendDelay, resendEvaluations*o.EvaluationInterval)
	}
	if o.LookbackDelta == 0 {
		o.LookbackDelta = defaultLookback
	}
	if o.QueryShare == 0 {
		o.QueryShare = turnstile.DefaultShare
	}
	if o.FreeSpace == nil {
		o.FreeSpace = freeSpace
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// validate returns an error that names the first wrong option.
func (o Options) validate() error {
	switch {
	case o.Dir == "":
		return errors.New("the directory of the database is required")
	case len(o.Targets) == 0 && o.ConfigFile == "":
		return errors.New("there is nothing to scrape: name a target or a configuration file")
	case o.Job == "":
		return errors.New("the scrape job must have a name")
	case o.RetentionTime < 0 || o.RetentionSize < 0:
		return errors.New("retention must not be negative")
	case o.QueryShare < 0:
		return errors.New("the share of queries must not be negative")
	case o.Send == nil:
		return errors.New("the function that sends alerts is required")
	}
	for _, d := range []struct {
		name  string
		value time.Duration
		least time.Duration
	}{
		{"scrape interval", o.ScrapeInterval, minInterval},
		{"evaluation interval", o.EvaluationInterval, minInterval},
		{"resend delay", o.ResendDelay, minInterval},
		{"lookback delta", o.LookbackDelta, minInterval},
	} {
		if d.value < d.least {
			return fmt.Errorf("the %s must be at least %s, not %s", d.name, d.least, d.value)
		}
	}
	if _, err := parseURL(o.ExternalURL); err != nil {
		return fmt.Errorf("external URL: %w", err)
	}
	for i, t := range o.Targets {
		if _, err := parseTarget(t); err != nil {
			return err
		}
		if slices.Contains(o.Targets[:i], t) {
			return fmt.Errorf("target %s is named twice", endpoint.Shown(t))
		}
	}
	return o.Access.validate(o.Targets)
}

// parseTarget parses the URL of a target, which may have a query.
func parseTarget(s string) (*url.URL, error) {
	base, query, _ := strings.Cut(s, "?")
	u, err := parseURL(base)
	if err != nil {
		return nil, fmt.Errorf("target: %w", err)
	}
	if _, err := url.ParseQuery(query); err != nil || strings.Contains(query, "#") {
		return nil, fmt.Errorf("target: the query of %s must look like ?module=a&target=b", endpoint.Shown(base))
	}
	u.RawQuery = query
	return u, nil
}

// parseURL parses the URL of a server. Errors contain no part that may be secret.
func parseURL(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	switch {
	case err != nil:
		return nil, errors.New("it is not a URL; write http://HOST:PORT")
	case u.User != nil:
		return nil, fmt.Errorf("%s contains a user name or password; put the password or the token into a file", endpoint.Shown(s))
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.Opaque != "":
		return nil, fmt.Errorf("%q is not the URL of a server; write http://HOST:PORT", endpoint.Shown(s))
	case u.Fragment != "" || strings.HasPrefix(u.Host, ":"):
		return nil, fmt.Errorf("%q is not the URL of a server; write http://HOST:PORT", endpoint.Shown(s))
	case u.RawQuery != "":
		return nil, fmt.Errorf("%q must not have a query", endpoint.Shown(s))
	}
	return u, nil
}
