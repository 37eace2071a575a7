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
	Pace         string   `help:"Interval of scrapes and rule evaluations: real is 5 s, demo 1 s." enum:"demo,real" default:"real"`
	Target       []string `help:"Servers to scrape, as URLs; the default path is /metrics." default:"http://127.0.0.1:8000" placeholder:"URL"`
	RuleFile     string   `help:"Path of the rule file, relative to the configuration." default:"rules.yml" placeholder:"FILE"`
	Alertmanager string   `help:"Alertmanager that receives the alerts; none by default." placeholder:"HOST:PORT"`

	fileFlags
}

// Run writes a Prometheus configuration.
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

// options returns the options from the flags. Its errors name the invalid flag.
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
		return o, errors.New("--alertmanager must be host:port, like 127.0.0.1:9093")
	}
	for _, u := range o.Targets {
		if u.RawQuery != "" {
			return o, errors.New("--target must have no query, because a query can be a secret: add it to the scrape job in the file, as params")
		}
	}
	return o, nil
}

// AlertmanagerCommand is `onsale export alertmanager`.
type AlertmanagerCommand struct {
	Pace                string `help:"Speed of notifications: real, or demo, where all times are a twelfth." enum:"demo,real" default:"real"`
	DiscordURLFile      string `name:"discord-url-file" help:"File with the URL of the Discord webhook, on the machine of your Alertmanager." default:"/run/secrets/discord_url" placeholder:"FILE"`
	AlertmanagerVersion string `help:"Version of your Alertmanager, 0.25 or newer. Before 0.28 it cannot read the URL from a file: the configuration then has a placeholder for it." default:"0.28" placeholder:"VERSION"`

	receiverFlags
	fileFlags
}

// Help is shown under `onsale export alertmanager --help`.
func (AlertmanagerCommand) Help() string {
	return `DISCORD_MENTION names the people that critical alerts mention, as for onsale up.
The URL of the webhook is a secret: this command neither reads nor writes it. With
--receiver, the receiver needs both variables, and any version of Alertmanager
works.`
}

// Run writes an Alertmanager configuration.
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

// options returns the options from the flags and DISCORD_MENTION. Its errors name the
// invalid flag or variable.
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
