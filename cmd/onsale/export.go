package main

import (
	"context"

	"onsale/internal/app"
)

// exportCmd is `onsale export`: what the monitoring is made of, for servers of the
// user's own.
type exportCmd struct {
	Rules        exportRulesCmd        `cmd:"" help:"The alerts and recording rules, for Prometheus."`
	Dashboards   exportDashboardsCmd   `cmd:"" help:"The dashboards, for Grafana, a JSON file each."`
	Alertmanager exportAlertmanagerCmd `cmd:"" help:"A configuration of Alertmanager that sends to Discord, or to onsale receiver."`
	Prometheus   exportPrometheusCmd   `cmd:"" help:"A configuration of Prometheus that scrapes the service and loads the rules."`
	Grafana      exportGrafanaCmd      `cmd:"" help:"Everything for a Grafana that is set up by files: dashboards, alert rules, contact point, data source."`
	Runbooks     exportRunbooksCmd     `cmd:"" help:"The runbooks that alerts link to, in Markdown."`
}

// Help is shown under `onsale export --help`.
func (exportCmd) Help() string {
	return `It writes what onsale monitor watches by, for servers that you run yourself.
With --target or --metrics it leaves out what the service has no series for,
and says so. No file has a secret in it.`
}

// serviceFlags say what the service is like that is watched.
type serviceFlags struct {
	Job     string   `help:"Name of the scrape job that your Prometheus has for the service." default:"ticket_system"`
	Pace    string   `help:"How often your Prometheus scrapes and evaluates: real, every 5 s, or demo, every second." enum:"demo,real" default:"real"`
	Target  []string `help:"Metrics pages of the service, URLs whose path is /metrics unless given. They are read once, and what needs other series is left out." placeholder:"URL"`
	Metrics string   `help:"A saved metrics page in place of --target; - is standard input." type:"path" placeholder:"FILE"`

	Alert alertFlags `embed:"" prefix:"alert-" group:"Thresholds of the alerts"`
}

// alertedFlags are those of what tells of alerts.
type alertedFlags struct {
	serviceFlags

	Severity map[string]string `help:"Another severity for an alert, like HighCPU=info: critical, warning or info." mapsep:";" placeholder:"ALERT=SEVERITY"`
}

// ruleFlags are those of alert rules.
type ruleFlags struct {
	alertedFlags

	Label      map[string]string `help:"Labels that all alerts get, like team=payments; repeat it, or put ; between." mapsep:";" placeholder:"NAME=VALUE"`
	RunbookURL string            `name:"runbook-url" help:"Where the runbooks are: the address before an alert's name, or one with NAME in the name's place. Empty, alerts link to none." default:"docs/runbooks/NAME.md" placeholder:"URL"`
}

// fileFlags are those of what has one file.
type fileFlags struct {
	Output string `help:"File to write; - is standard output." short:"o" default:"-" type:"path" placeholder:"FILE"`
	Force  bool   `help:"Overwrite a file that onsale export has not written." env:"-"`
}

// directoryFlags are those of what has several files.
type directoryFlags struct {
	Output string `help:"Directory to write into. It is made if it is not there." short:"o" required:"" type:"path" placeholder:"DIR"`
	Force  bool   `help:"Overwrite files that onsale export has not written." env:"-"`
}

func (f fileFlags) to(e *env) app.ExportOutput {
	return app.ExportOutput{Output: f.Output, Force: f.Force, Out: e.stdout, Err: e.stderr}
}

func (f directoryFlags) to(e *env) app.ExportOutput { return fileFlags(f).to(e) }

// receiverFlags are those of what sends alerts.
type receiverFlags struct {
	Receiver          string `help:"Send to the onsale receiver at this URL, which delivers to Discord, in place of Discord itself." placeholder:"URL"`
	ReceiverTokenFile string `help:"Where the sender finds the file with the receiver's admin token; none by default." placeholder:"FILE"`
}

// receiver returns what the flags say.
func (f receiverFlags) receiver() app.ExportReceiver {
	return app.ExportReceiver{URL: f.Receiver, TokenFile: f.ReceiverTokenFile}
}

// options returns what the flags say.
func (f *serviceFlags) options(e *env) app.ExportOptions {
	o := app.ExportOptions{Settings: app.DefaultWatch().Settings, Pace: f.Pace, Targets: f.Target, Metrics: f.Metrics, In: e.stdin}
	o.Settings.Job = f.Job
	f.Alert.set(&o.Settings)
	return o
}

// options returns what the flags say.
func (f *alertedFlags) options(e *env) app.ExportOptions {
	o := f.serviceFlags.options(e)
	o.Severities = f.Severity
	return o
}

// options returns what the flags say.
func (f *ruleFlags) options(e *env) app.ExportOptions {
	o := f.alertedFlags.options(e)
	o.Labels, o.Settings.Runbooks = f.Label, f.RunbookURL
	return o
}

// checked makes an error one of usage.
func checked(err error) error {
	if err != nil {
		return &usageError{err}
	}
	return nil
}

// exportRulesCmd is `onsale export rules`.
type exportRulesCmd struct {
	ruleFlags
	fileFlags
}

// Run writes the rule file.
func (c *exportRulesCmd) Run(ctx context.Context, e *env) error {
	o := c.options(e)
	o.ExportOutput = c.to(e)
	if err := checked(o.Validate()); err != nil {
		return err
	}
	return app.ExportRules(ctx, o)
}

// exportDashboardsCmd is `onsale export dashboards`.
type exportDashboardsCmd struct {
	serviceFlags
	directoryFlags
}

// Run writes the dashboards.
func (c *exportDashboardsCmd) Run(ctx context.Context, e *env) error {
	o := c.options(e)
	o.ExportOutput = c.to(e)
	if err := checked(o.Validate()); err != nil {
		return err
	}
	return app.ExportDashboards(ctx, o)
}

// exportGrafanaCmd is `onsale export grafana`.
type exportGrafanaCmd struct {
	ruleFlags
	directoryFlags
	receiverFlags

	PrometheusURL string `name:"prometheus-url" help:"Where Grafana finds the Prometheus that has the rules." default:"http://prometheus:9090" placeholder:"URL"`
}

// Run writes the files of Grafana.
func (c *exportGrafanaCmd) Run(ctx context.Context, e *env) error {
	o := c.options(e)
	o.ExportOutput, o.Receiver = c.to(e), c.receiver()
	if err := checked(o.Validate()); err != nil {
		return err
	}
	if err := checked(app.CheckPrometheusURL(c.PrometheusURL)); err != nil {
		return err
	}
	return app.ExportGrafana(ctx, o, c.PrometheusURL)
}

// exportRunbooksCmd is `onsale export runbooks`.
type exportRunbooksCmd struct {
	alertedFlags
	directoryFlags
}

// Run writes the runbooks.
func (c *exportRunbooksCmd) Run(ctx context.Context, e *env) error {
	o := c.options(e)
	o.ExportOutput = c.to(e)
	if err := checked(o.Validate()); err != nil {
		return err
	}
	return app.ExportRunbooks(ctx, o)
}

// exportPrometheusCmd is `onsale export prometheus`.
type exportPrometheusCmd struct {
	Job          string   `help:"Name of the scrape job." default:"ticket_system"`
	Pace         string   `help:"How often to scrape and to evaluate: real, every 5 s, or demo, every second." enum:"demo,real" default:"real"`
	Target       []string `help:"Servers to scrape: URLs, whose path is /metrics unless given." default:"http://127.0.0.1:8000" placeholder:"URL"`
	RuleFile     string   `help:"The rule file, seen from the directory of this file." default:"rules.yml" placeholder:"FILE"`
	Alertmanager string   `help:"The Alertmanager that gets the alerts; none by default." placeholder:"HOST:PORT"`

	fileFlags
}

// Run writes the configuration of Prometheus.
func (c *exportPrometheusCmd) Run(e *env) error {
	content, err := app.ExportPrometheus(app.ExportPrometheusOptions{
		Job: c.Job, Pace: c.Pace, Targets: c.Target, RuleFile: c.RuleFile, Alertmanager: c.Alertmanager,
	})
	if err != nil {
		return &usageError{err}
	}
	return c.to(e).WriteOne(content)
}

// exportAlertmanagerCmd is `onsale export alertmanager`.
type exportAlertmanagerCmd struct {
	Pace                string `help:"How soon it tells: real, or demo, at a twelfth of all times." enum:"demo,real" default:"real"`
	DiscordURLFile      string `name:"discord-url-file" help:"Where your Alertmanager finds the file that has the URL of the Discord webhook in it." default:"/run/secrets/discord_url" placeholder:"FILE"`
	AlertmanagerVersion string `help:"The version of your Alertmanager, 0.25 or newer. Before 0.28 it cannot read the URL from a file: the configuration has a place for it." default:"0.28" placeholder:"VERSION"`

	receiverFlags
	fileFlags
}

// Help is shown under `onsale export alertmanager --help`.
func (exportAlertmanagerCmd) Help() string {
	return `DISCORD_MENTION says whom critical alerts mention, as for onsale up. The webhook's
URL is a secret: this command does not read it, and the file that it writes does
not have it. With --receiver the receiver has both, and any version of
Alertmanager does.`
}

// Run writes the configuration of Alertmanager.
func (c *exportAlertmanagerCmd) Run(e *env) error {
	mention, _ := e.lookup("DISCORD_MENTION")
	content, err := app.ExportAlertmanager(app.ExportAlertmanagerOptions{
		Pace: c.Pace, Version: c.AlertmanagerVersion, DiscordURLFile: c.DiscordURLFile, Mention: mention,
		Receiver: c.receiver(),
	})
	if err != nil {
		return &usageError{err}
	}
	return c.to(e).WriteOne(content)
}
