package exportcmd

import (
	"errors"
	"strings"

	"onsale/cmd/onsale/internal/command"
	"onsale/internal/catalog"
	"onsale/internal/catalog/export"
	"onsale/internal/monitor/discord"
)

// PrometheusCommand is `onsale export prometheus`.
type PrometheusCommand struct {
	Job          string   `help:"Name of the scrape job." default:"ticket_system"`
	Pace         string   `help:"How often to scrape and to evaluate: real, every 5 s, or demo, every second." enum:"demo,real" default:"real"`
	Target       []string `help:"Servers to scrape: URLs, whose path is /metrics unless given." default:"http://127.0.0.1:8000" placeholder:"URL"`
	RuleFile     string   `help:"The rule file, seen from the directory of this file." default:"rules.yml" placeholder:"FILE"`
	Alertmanager string   `help:"The Alertmanager that gets the alerts; none by default." placeholder:"HOST:PORT"`

	fileFlags
}

// Run writes the configuration of a Prometheus.
func (c *PrometheusCommand) Run(e *command.Env) error {
	o, err := c.options()
	if err != nil {
		return &command.UsageError{Err: err}
	}
	content, err := export.Prometheus(o)
	if err != nil {
		return &command.UsageError{Err: err}
	}
	return c.writeOne(e, content)
}

// options returns what the flags say. Its errors name the flag that makes no sense.
func (c *PrometheusCommand) options() (export.PrometheusOptions, error) {
	o := export.PrometheusOptions{Job: c.Job, RuleFile: c.RuleFile, Alertmanager: c.Alertmanager}
	settings := catalog.DefaultSettings()
	settings.Job = c.Job
	if err := settings.Validate(); err != nil {
		return o, err
	}
	var err error
	if o.Pace, err = catalog.ParsePace(c.Pace); err != nil {
		return o, err
	}
	if o.Targets, err = metricsPages(c.Target); err != nil {
		return o, err
	}
	switch {
	case len(o.Targets) == 0:
		return o, errors.New("--target must name a server")
	case c.RuleFile == "":
		return o, errors.New("--rule-file must name the rule file")
	case strings.ContainsAny(c.Alertmanager, "/@ "):
		return o, errors.New("--alertmanager must look like 127.0.0.1:9093")
	}
	for _, u := range o.Targets {
		if u.RawQuery != "" {
			return o, errors.New("--target must have no query, because it may be secret: add it to the scrape job of the file as params")
		}
	}
	return o, nil
}

// AlertmanagerCommand is `onsale export alertmanager`.
type AlertmanagerCommand struct {
	Pace                string `help:"How soon it tells: real, or demo, at a twelfth of all times." enum:"demo,real" default:"real"`
	DiscordURLFile      string `name:"discord-url-file" help:"Where your Alertmanager finds the file that has the URL of the Discord webhook in it." default:"/run/secrets/discord_url" placeholder:"FILE"`
	AlertmanagerVersion string `help:"The version of your Alertmanager, 0.25 or newer. Before 0.28 it cannot read the URL from a file: the configuration has a place for it." default:"0.28" placeholder:"VERSION"`

	receiverFlags
	fileFlags
}

// Help is shown under `onsale export alertmanager --help`.
func (AlertmanagerCommand) Help() string {
	return `DISCORD_MENTION says whom critical alerts mention, as for onsale up. The webhook's
URL is a secret: this command does not read it, and the file that it writes does
not have it. With --receiver the receiver has both, and any version of
Alertmanager does.`
}

// Run writes the configuration of an Alertmanager.
func (c *AlertmanagerCommand) Run(e *command.Env) error {
	mention, _ := e.Lookup("DISCORD_MENTION")
	o, err := c.options(mention)
	if err != nil {
		return &command.UsageError{Err: err}
	}
	content, err := export.Alertmanager(o)
	if err != nil {
		return &command.UsageError{Err: err}
	}
	return c.writeOne(e, content)
}

// options returns what the flags and DISCORD_MENTION say. Its errors name the flag or the
// variable that makes no sense.
func (c *AlertmanagerCommand) options(mention string) (export.AlertmanagerOptions, error) {
	o := export.AlertmanagerOptions{
		DiscordURLFile: c.DiscordURLFile, Mention: strings.Join(strings.Fields(mention), " "), Receiver: c.receiver(),
	}
	var err error
	if o.Pace, err = catalog.ParsePace(c.Pace); err != nil {
		return o, err
	}
	if o.Version, err = export.ParseVersion(c.AlertmanagerVersion); err != nil {
		return o, err
	}
	_, err = discord.ParseMention(mention)
	return o, err
}
