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

// Options say what is watched, and how. Dir, Targets or ConfigFile, the two
// intervals and Send must be given.
type Options struct {
	// Dir is the directory of the database. It is made if it is not there.
	Dir string

	// Job is the name of the built-in scrape job or, without Targets, that of the job
	// of ConfigFile that the rules judge.
	Job string
	// Targets are the URLs of the built-in job, http://HOST:PORT[/PATH][?QUERY]; the
	// path is /metrics if there is none. The label instance is HOST:PORT, and
	// HOST:PORT/PATH where the path is another one; it has a number where several
	// targets would have the same.
	Targets []string
	// Access is how the built-in job gets into its targets.
	Access Access
	// ScrapeInterval is how often the built-in job scrapes; a scrape may take as
	// long, and at most 10 s.
	ScrapeInterval time.Duration
	// EvaluationInterval is how often rules are evaluated, those of the
	// configuration file excepted.
	EvaluationInterval time.Duration

	// Rules is a rule file that is held in memory, or empty. Its rules are
	// reported as those of the file [BuiltInRules].
	Rules []byte
	// RuleFiles are further rule files; the last part of a path may have a *.
	RuleFiles []string
	// ConfigFile is a prometheus.yml, or empty. Its jobs come beside the
	// built-in one, whose name they must not have; its global
	// section holds for its jobs and its rule files. What the embedded
	// Prometheus does not do is refused.
	ConfigFile string

	// RetentionTime is how long samples are kept, and RetentionSize how many
	// bytes of them; 0 sets no limit.
	RetentionTime time.Duration
	RetentionSize int64

	// ExternalURL is where people find this server, the base of links in alerts.
	ExternalURL string
	// ResendDelay is how long an alert that goes on firing is not sent again.
	// Alerts are sent with an end of four times that, so that they end by
	// themselves if nobody sends them any more. 0: 12 evaluations, at most 1 m.
	ResendDelay time.Duration
	// LookbackDelta is how old a sample may be to count as the value of now.
	// 0: 5 m, as Prometheus has it; series that ended are marked, so that a
	// faster pace needs no shorter one.
	LookbackDelta time.Duration

	// QueryShare is which part of all processors the queries of the API may use in
	// the long run. 0: 0.10, since the rest is for what is watched.
	QueryShare float64

	// Send is given the alerts that fire, again after every ResendDelay, and
	// those that were resolved. EndsAt of a firing alert lies in the future.
	// Rules wait for it, so it must not block; its context ends with Run.
	Send func(ctx context.Context, alerts []*model.Alert)
	// Beside, if it is not nil, runs while targets are scraped and may ask for
	// series. It must return soon after its context has ended. It runs again when the
	// database was opened anew.
	Beside func(ctx context.Context, inside Inside)
	// FreeSpace says how many bytes may be written into the directory, and Now what
	// time it is, to look after the database. nil: the system.
	FreeSpace func(dir string) (uint64, error)
	Now       func() time.Time
	// Logger gets what the library has to say: warnings and errors as they are,
	// repeated ones once a minute, and the rest at level debug.
	Logger *slog.Logger
}

// Inside is what [Options].Beside may ask for.
type Inside struct {
	// Query answers an instant query of PromQL at the time of the call, with the
	// limits that rules have.
	Query func(ctx context.Context, expr string) (promql.Vector, error)
	// Announces reports whether the last scrapes of a target named a counter or a
	// histogram by a comment TYPE. There may be no sample of it yet.
	Announces func(job, instance, metric string) bool
}

// BuiltInRules is the file name under which the rules of [Options].Rules are
// reported.
const BuiltInRules = "built-in rules"

const (
	// minInterval is the shortest time between two scrapes or evaluations: below
	// it the monitoring would be the load.
	minInterval = 100 * time.Millisecond
	// maxResendDelay is the resend delay of the Prometheus binary.
	maxResendDelay = time.Minute
	// resendEvaluations is after how many evaluations an alert is sent again.
	resendEvaluations = 12
	// defaultLookback is that of the Prometheus binary.
	defaultLookback = 5 * time.Minute
)

// withDefaults fills in what may be left out.
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

// validate returns an error that names the first option that makes no sense.
func (o Options) validate() error {
	switch {
	case o.Dir == "":
		return errors.New("the directory of the database must be named")
	case len(o.Targets) == 0 && o.ConfigFile == "":
		return errors.New("there is nothing to scrape: neither a target nor a configuration file")
	case o.Job == "":
		return errors.New("the scrape job must have a name")
	case o.RetentionTime < 0 || o.RetentionSize < 0:
		return errors.New("retention must not be negative")
	case o.QueryShare < 0:
		return errors.New("the share of queries must not be negative")
	case o.Send == nil:
		return errors.New("there is nobody to send alerts to")
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

// parseTarget reads the URL of a target, which may have a query.
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

// parseURL reads the URL of a server. Errors repeat no part of it that may be secret.
func parseURL(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	switch {
	case err != nil:
		return nil, errors.New("it is no URL; write http://HOST:PORT")
	case u.User != nil:
		return nil, fmt.Errorf("%s has a user name or password; use a file with the password or the token", endpoint.Shown(s))
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.Opaque != "":
		return nil, fmt.Errorf("%q is no URL of a server; write http://HOST:PORT", endpoint.Shown(s))
	case u.Fragment != "" || strings.HasPrefix(u.Host, ":"):
		return nil, fmt.Errorf("%q is no URL of a server; write http://HOST:PORT", endpoint.Shown(s))
	case u.RawQuery != "":
		return nil, fmt.Errorf("%q must have no query", endpoint.Shown(s))
	}
	return u, nil
}
