package app

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"onsale/internal/catalog"
	"onsale/internal/endpoint"
	"onsale/internal/monitor"
	"onsale/internal/server"
)

// Watch says how the embedded monitoring watches and whom it tells. `onsale up`
// and `onsale monitor` share it.
type Watch struct {
	// Pace is demo or real.
	Pace string
	// Access is how scrapes get into the targets of `onsale monitor`.
	Access Access
	// Settings are the thresholds of the alerts, and the job that is watched.
	Settings catalog.Settings
	// PrometheusConfig, Rules and AlertmanagerConfig are files of the user's, or empty.
	PrometheusConfig   string
	Rules              []string
	AlertmanagerConfig string
	// RetentionTime and RetentionBytes bound what is stored of the past.
	RetentionTime  time.Duration
	RetentionBytes int64
	// ExternalURL is where people reach this server, for links in messages; empty
	// is its own address, as seen from this machine.
	ExternalURL string
	// DiscordURL is DISCORD_URL; empty, alerts stay in the inbox.
	DiscordURL Secret `json:"-"`
	// DiscordMention is DISCORD_MENTION.
	DiscordMention string
}

// Secret is a text that nothing prints.
type Secret = monitor.Secret

// Access is how scrapes get into targets.
type Access = monitor.Access

// minRetention is the least that is kept: what the longest window of a rule reads.
const minRetention = 2 * time.Hour

// DefaultWatch returns what holds without a flag, at the demo pace.
func DefaultWatch() Watch {
	return Watch{
		Pace:           catalog.Demo().Name,
		Settings:       catalog.DefaultSettings(),
		RetentionTime:  7 * 24 * time.Hour,
		RetentionBytes: 1 << 30,
	}
}

// validate names the first option that makes no sense, and reads the files that
// options name.
func (w Watch) validate(targets []string, log *slog.Logger) error {
	if _, err := catalog.ParsePace(w.Pace); err != nil {
		return err
	}
	if err := w.Settings.Validate(); err != nil {
		return err
	}
	if w.RetentionTime < minRetention {
		return fmt.Errorf("--retention-time must be at least %s, not %s", minRetention, w.RetentionTime)
	}
	if w.RetentionBytes < 0 {
		return fmt.Errorf("--retention-size must not be negative, but is %d", w.RetentionBytes)
	}
	if err := w.checkExternal(); err != nil {
		return err
	}
	return w.options("", "http://127.0.0.1", targets, log).Check()
}

// checkExternal checks --external-url, which messages and pages repeat.
func (w Watch) checkExternal() error {
	if w.ExternalURL == "" {
		return nil
	}
	switch u, ok := endpoint.ParseWebURL(w.ExternalURL); {
	case !ok:
		return fmt.Errorf("--external-url must look like https://onsale.example.com, not %q", endpoint.Shown(w.ExternalURL))
	case u.User != nil:
		return errors.New("--external-url must not carry a user or password, because messages contain it")
	case u.RawQuery != "" || u.Fragment != "":
		return fmt.Errorf("--external-url must have neither a query nor a fragment, but %q has", endpoint.Shown(w.ExternalURL))
	}
	return nil
}

// external is where people reach a server that has this address on its machine.
func (w Watch) external(local string) string {
	if w.ExternalURL != "" {
		return strings.TrimRight(w.ExternalURL, "/")
	}
	return local
}

// hosts adds the name by which people reach this server to those that are allowed.
func (w Watch) hosts(allowed []string) []string {
	u, ok := endpoint.ParseWebURL(w.ExternalURL)
	if !ok || server.CheckAllowedHosts([]string{u.Hostname()}) != nil { // an IPv6 address passes anyway
		return allowed
	}
	return append(slices.Clone(allowed), u.Hostname())
}

// options are those of the monitor at an address, once validated.
func (w Watch) options(dir, local string, targets []string, log *slog.Logger) monitor.Options {
	pace, _ := catalog.ParsePace(w.Pace)
	return monitor.Options{
		DataDir: dir, Targets: targets, Access: w.Access, Pace: pace, Settings: w.settings(local),
		PrometheusConfig: w.PrometheusConfig, RuleFiles: w.Rules, AlertmanagerConfig: w.AlertmanagerConfig,
		RetentionTime: w.RetentionTime, RetentionBytes: w.RetentionBytes,
		ExternalURL: w.external(local), DiscordURL: w.DiscordURL, DiscordMention: w.DiscordMention, Logger: log,
	}
}

// alerts are the catalogue's at this pace.
func (w Watch) alerts(local string) []catalog.Alert {
	pace, _ := catalog.ParsePace(w.Pace)
	return catalog.Alerts(w.settings(local), pace)
}

// settings are those of the rules, with runbooks on this server.
func (w Watch) settings(local string) catalog.Settings {
	s := w.Settings
	s.Runbooks = w.external(local) + "/runbooks/NAME"
	return s
}

// every is how often the monitoring looks.
func (w Watch) every() time.Duration {
	pace, _ := catalog.ParsePace(w.Pace)
	return pace.Scrape
}

// told says where notifications go.
func (w Watch) told(external string) string {
	switch {
	case w.AlertmanagerConfig != "":
		return "as " + w.AlertmanagerConfig + " says"
	case w.DiscordURL != "" && monitor.DoubtOf(w.DiscordURL) != "":
		return "to DISCORD_URL, where they may not arrive as the log says, and to " + external + "/inbox"
	case w.DiscordURL != "":
		return "to Discord, and to " + external + "/inbox"
	}
	return "to " + external + "/inbox; DISCORD_URL sends them to Discord as well"
}
